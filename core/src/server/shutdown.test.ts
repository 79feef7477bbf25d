/** Stopping and reloading while messages are on their way in. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { definePlugin } from '../plugin/define.js';
import { startTestMta, type TestMta } from '../testing/start-test-mta.js';
import { accept } from '../values/verdict.js';

const sockets: Socket[] = [];
let server: TestMta | undefined;
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server?.stop();
  server = undefined;
});

/** Takes everything and tells what was accepted. */
const takeAll = (name: string, accepted: string[]) =>
  definePlugin({
    name: 'take-all',
    setup({ tap }) {
      tap('recipient', () => accept());
      tap('accepted', ({ body }) => {
        accepted.push(`${name}: ${Buffer.from(body.inline ?? []).toString()}`);
      });
    },
  })();

/** A client whose words gather in `said`. */
async function client(port: number) {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString();
  });
  socket.on('error', () => {});
  const closed = once(socket, 'close');
  const hears = (words: string) => expect.poll(() => text, { timeout: 20_000 }).toContain(words);
  await hears('220 ');
  return { socket, closed, hears, said: () => text };
}

/** One that has begun a message and not ended it. */
async function sender(port: number) {
  const one = await client(port);
  one.socket.write('EHLO c.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n');
  await one.hears('354 ');
  one.socket.write('half');
  return one;
}

describe('a stop', () => {
  it('takes no connection more, says 421 to who waits, and lets a message under way finish', async () => {
    const accepted: string[] = [];
    server = await startTestMta({ plugins: [takeAll('one', accepted)], drainMs: 60_000 });
    const port = server.port('relay');
    const busy = await sender(port);
    const idle = await client(port);
    const stopped = server.mta.stop();
    await idle.closed;
    expect(idle.said()).toMatch(/421 4\.3\.2 shutting down\r\n$/);
    const late = connect(port, '127.0.0.1');
    const [error] = (await once(late, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
    expect(server.mta.state).toBe('stopping');
    busy.socket.write(' and whole\r\n.\r\nNOOP\r\n');
    await busy.closed;
    expect(busy.said()).toMatch(/250 2\.0\.0 queued as [^\r]*\r\n421 4\.3\.2 shutting down\r\n$/);
    await stopped;
    expect(accepted).toEqual(['one: half and whole\r\n']);
  });

  it('cuts off a message that does not finish within the drain time, and keeps nothing of it', async () => {
    const accepted: string[] = [];
    server = await startTestMta({ plugins: [takeAll('one', accepted)] });
    const busy = await sender(server.port('relay'));
    await server.mta.stop({ drainMs: 50 });
    await busy.closed;
    expect(busy.said()).not.toContain('queued as');
    expect(accepted).toEqual([]);
  });
});

describe('a reload', () => {
  it('lets a message under way finish on the old generation, and the connection go on there', async () => {
    const accepted: string[] = [];
    server = await startTestMta({ plugins: [takeAll('old', accepted)] });
    const port = server.port('relay');
    const busy = await sender(port);
    await server.mta.reload({
      hostname: 'mx2.test',
      plugins: [...server.engines, takeAll('new', accepted)],
      listeners: [{ name: 'relay', host: '127.0.0.1', port: 0, role: 'relay' }],
    });
    const next = await sender(port);
    expect(next.said()).toContain('220 mx2.test');
    next.socket.write(' on the new one\r\n.\r\n');
    await next.hears('queued as');
    busy.socket.write(' on the old one\r\n.\r\n');
    await busy.hears('queued as');
    busy.socket.write('EHLO again.test\r\n');
    await busy.hears('250-mx.test');
    await expect
      .poll(() => accepted)
      .toEqual(['new: half on the new one\r\n', 'old: half on the old one\r\n']);
  });
});
