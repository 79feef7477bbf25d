import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { MailError } from '@postroad/core';
import { createVirtualClock, expectNothingLeaked, lookAtOpenThings } from '@postroad/core/testing';
import { describe, expect, it } from 'vitest';
import { startPop3, startWithMail, uidsOf } from './start-pop3.js';

/** A client that sends and gathers, and reads only when it is told to. */
async function client(port: number) {
  const socket: Socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  let read = '';
  socket.on('data', (chunk) => {
    read += chunk.toString('latin1');
  });
  socket.on('error', () => {});
  return {
    socket,
    read: () => read,
    async until(pattern: RegExp): Promise<string> {
      await expect.poll(() => read, { timeout: 20_000, interval: 5 }).toMatch(pattern);
      const taken = read;
      read = '';
      return taken;
    },
    closed: () => (socket.closed ? Promise.resolve() : once(socket, 'close')),
  };
}

const login = 'USER alice@example.org\r\nPASS wonder land\r\n';

describe('the limits of POP3', () => {
  it('cut off who does not log in, also one who talks all the time', async () => {
    const clock = createVirtualClock();
    await using pop3 = await startPop3(
      { limits: { loginTimeoutMs: 30_000, idleTimeoutMs: 60_000 } },
      { clock },
    );
    const silent = await client(pop3.port);
    const talking = await client(pop3.port);
    await silent.until(/OK/);
    await talking.until(/OK/);
    await clock.advance(20_000);
    talking.socket.write('CAPA\r\n');
    await talking.until(/\r\n\.\r\n/);
    expect(silent.socket.closed).toBe(false);
    await clock.advance(10_000);
    await Promise.all([silent.closed(), talking.closed()]);
  });

  it('end a session in which nothing is said for ten minutes, and delete nothing', async () => {
    const clock = createVirtualClock();
    await using pop3 = await startWithMail({}, { clock });
    const one = await client(pop3.port);
    one.socket.write(`${login}DELE 1\r\n`);
    await one.until(/deleted/);
    await clock.advance(590_000);
    one.socket.write('NOOP\r\n');
    await one.until(/\+OK/);
    await clock.advance(590_000);
    expect(one.socket.closed).toBe(false);
    await clock.advance(20_000);
    await one.closed();
    expect(await uidsOf(pop3.store)).toEqual([1, 2, 3]);
    const other = await client(pop3.port);
    other.socket.write(login);
    await other.until(/OK 3 messages/);
    other.socket.destroy();
  });

  it('cut off who takes nothing of an answer', async () => {
    const clock = createVirtualClock();
    await using pop3 = await startPop3({}, { clock });
    await pop3.file(Buffer.concat([Buffer.from('Subject: big\r\n\r\n'), Buffer.alloc(30_000_000, 'x\r\n')]));
    const one = await client(pop3.port);
    one.socket.write(login);
    await one.until(/OK 1 messages/);
    one.socket.pause();
    one.socket.write('RETR 1\r\nQUIT\r\n');
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 200; i++) await turn();
    await clock.advance(599_000);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20_000_000);
    await clock.advance(2_000);
    one.socket.resume();
    await one.closed();
    expect(one.read()).not.toMatch(/\r\n\.\r\n/);
  });

  it('let a connection wait that sends a flood of commands and reads nothing', async () => {
    await using pop3 = await startWithMail();
    const one = await client(pop3.port);
    one.socket.write(login);
    await one.until(/OK 3 messages/);
    one.socket.pause();
    const flood = Buffer.alloc(30_000_000, 'UIDL\r\n');
    one.socket.write(flood);
    for (let i = 0; i < 500; i++) await turn();
    expect(one.socket.writableLength, 'the server does not read on').toBeGreaterThan(0);
    one.socket.destroy();
  });

  it('count connections of one address', async () => {
    await using pop3 = await startPop3({ limits: { connectionsPerAddressMax: 2 } });
    const [first, second] = [await client(pop3.port), await client(pop3.port)];
    await first.until(/OK/);
    await second.until(/OK/);
    const third = await client(pop3.port);
    expect(await third.until(/ERR/)).toBe('-ERR [SYS/TEMP] too many connections\r\n');
    await third.closed();
    first.socket.destroy();
    await expect
      .poll(async () => {
        const again = await client(pop3.port);
        await again
          .until(/\r\n/)
          .then((text) => expect(text).toMatch(/^\+OK/))
          .finally(() => again.socket.destroy());
        return true;
      })
      .toBe(true);
    second.socket.destroy();
  });

  it('make each wrong password from one address cost twice the time of the one before', async () => {
    const clock = createVirtualClock();
    await using pop3 = await startPop3({ limits: { loginFailureDelayMs: 1_000 } }, { clock });
    for (const [index, delayMs] of [1_000, 2_000, 4_000].entries()) {
      const one = await client(pop3.port);
      await one.until(/OK/);
      one.socket.write('USER alice@example.org\r\nPASS wrong\r\n');
      await one.until(/password\?/);
      await expect
        .poll(() => pop3.mta.logged.filter((line) => line.event === 'pop3 login refused').length, {
          timeout: 20_000,
        })
        .toBe(index + 1);
      for (let i = 0; i < 20; i++) await turn();
      await clock.advance(delayMs - 1);
      expect(one.read()).toBe('');
      await clock.advance(1);
      await one.until(/AUTH/);
      one.socket.destroy();
    }
  });
});

describe('POP3 when things break', () => {
  it('says that it can not be told now, when the directory or the store fails', async () => {
    await using pop3 = await startWithMail();
    const one = await client(pop3.port);
    const { entries, open } = pop3.store;
    Object.assign(pop3.store, { entries: () => Promise.reject(new MailError('E_MAILBOX_STORE', 'broken')) });
    one.socket.write(login);
    await one.until(/-ERR \[SYS\/TEMP\]/);
    Object.assign(pop3.store, { entries });
    one.socket.write(login);
    await one.until(/OK 3 messages/);
    Object.assign(pop3.store, { open: () => Promise.reject(new MailError('E_MAILBOX_STORE', 'broken')) });
    one.socket.write('RETR 1\r\n');
    await one.until(/-ERR \[SYS\/TEMP\]/);
    Object.assign(pop3.store, { open });
    one.socket.write('RETR 1\r\n');
    await one.until(/first body\r\n\.\r\n/);
    one.socket.destroy();
  });

  it('cuts the connection when a message can not be read to its end', async () => {
    await using pop3 = await startWithMail();
    const { open } = pop3.store;
    Object.assign(pop3.store, {
      async open(id: string) {
        const body = await open.call(pop3.store, id);
        return {
          ...body,
          inline: undefined,
          async *open() {
            yield Buffer.from('Subject: half\r\n');
            throw new MailError('E_SPOOL', 'broken');
          },
          release: async () => {},
        };
      },
    });
    const one = await client(pop3.port);
    one.socket.write(`${login}RETR 1\r\nNOOP\r\n`);
    await one.closed();
    expect(one.read()).not.toMatch(/\r\n\.\r\n/);
    expect((await pop3.mta.whenLogged('pop3 message is cut')).level).toBe('error');
  });

  it('ends idle sessions when the server stops, and leaves nothing open', async () => {
    const before = lookAtOpenThings();
    const pop3 = await startWithMail();
    const one = await client(pop3.port);
    one.socket.write(`${login}DELE 1\r\n`);
    await one.until(/deleted/);
    await pop3[Symbol.asyncDispose]();
    await one.closed();
    await expectNothingLeaked(before);
  });

  it('streams a message of 5 MB whole, to a client that reads in bursts', async () => {
    await using pop3 = await startPop3();
    const line = Buffer.from('.0123456789 .0123456789\r\n');
    const content = Buffer.concat([
      Buffer.from('Subject: big\r\n\r\n'),
      Buffer.alloc(line.length * 200_000, line),
    ]);
    await pop3.file(content);
    const socket = connect(pop3.port, '127.0.0.1');
    socket.write(`${login}RETR 1\r\nQUIT\r\n`);
    const chunks: Buffer[] = [];
    for await (const chunk of socket) {
      chunks.push(chunk);
      if (chunks.length % 100 === 0) await turn();
    }
    const all = Buffer.concat(chunks);
    const start = all.indexOf(`+OK ${content.length} octets\r\n`);
    const answer = all.subarray(all.indexOf('\n', start) + 1, all.indexOf('\r\n.\r\n', start) + 2);
    const undone = answer.toString('latin1').replace(/\r\n\./g, '\r\n');
    expect(Buffer.from(undone, 'latin1').equals(content)).toBe(true);
    expect(all.subarray(-9).toString()).toBe('+OK bye\r\n');
  });
});
