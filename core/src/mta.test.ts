import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { readBody } from './body/body.js';
import { token } from './di/token.js';
import { directoryMemory } from './memory/directory-memory.js';
import type { MtaOptions } from './mta-options.js';
import { definePlugin, type PluginUse } from './plugin/define.js';
import { Directory } from './services/directory.js';
import { MailboxStore } from './services/mailbox-store.js';
import { startTestMta, type TestMta } from './testing/start-test-mta.js';
import { accept, reject } from './values/verdict.js';

/** Routes `@here.test` to accounts of the directory, and lets logged-in clients send anywhere. */
const routeHere = definePlugin({
  name: 'route-here',
  needs: { directory: Directory },
  setup({ services, tap }) {
    tap('recipient', async ({ connection }, { address }) => {
      if (address.domain !== 'here.test') return connection.identity === undefined ? undefined : accept();
      const account = await services.directory.byAddress(address);
      return account === undefined ? reject(550, '1.1', 'no such user') : accept();
    });
    tap('route', async (_envelope, { address }) => {
      const account = await services.directory.byAddress(address);
      return account === undefined ? undefined : { transport: 'local', accountId: account.id };
    });
  },
});

let store: MailboxStore | undefined;
/** Hands the store out to the test. */
const peek = definePlugin({
  name: 'peek',
  needs: { store: MailboxStore },
  setup({ services }) {
    store = services.store;
  },
});

const people = () =>
  directoryMemory({
    accounts: [
      { address: 'alice@here.test', password: 'wonderland' },
      { address: 'bob@here.test', password: 'builder' },
    ],
  });

const house = (...more: PluginUse[]): PluginUse[] => [people(), routeHere(), peek(), ...more];

let server: TestMta | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

/** A client that says lines and reads whole replies. */
async function client(port: number) {
  const socket: Socket = connect(port, '127.0.0.1');
  let text = '';
  let isClosed = false;
  const wakers = new Set<() => void>();
  const wake = () => {
    for (const waker of [...wakers]) waker();
  };
  socket.on('data', (chunk) => {
    text += chunk.toString();
    wake();
  });
  socket.on('close', () => {
    isClosed = true;
    wake();
  });
  socket.on('error', () => {});
  const read = async (): Promise<string> => {
    for (;;) {
      const end = /(^|\n)\d{3} [^\n]*\n/.exec(text);
      if (end !== null) {
        const reply = text.slice(0, end.index + end[0].length);
        text = text.slice(reply.length);
        return reply.trimEnd();
      }
      if (isClosed) return 'closed';
      await new Promise<void>((resolve) => {
        const waker = () => {
          wakers.delete(waker);
          resolve();
        };
        wakers.add(waker);
      });
    }
  };
  return {
    read,
    say(line: string) {
      socket.write(`${line}\r\n`);
      return read();
    },
    write: (data: string) => socket.write(data),
    end: () => socket.destroy(),
  };
}

const content = 'From: a@b.test\r\nTo: bob@here.test\r\nSubject: hi\r\n\r\nHow are you?\r\n';

async function send(port: number, from: string, to: string): Promise<string[]> {
  const smtp = await client(port);
  const replies = [await smtp.read(), await smtp.say('EHLO client.test')];
  replies.push(await smtp.say(`MAIL FROM:<${from}>`), await smtp.say(`RCPT TO:<${to}>`));
  if (replies.at(-1)?.startsWith('250') === true) {
    replies.push(await smtp.say('DATA'), await smtp.say(`${content}.`));
  }
  replies.push(await smtp.say('QUIT'));
  smtp.end();
  return replies;
}

async function inboxOf(account: string): Promise<string[]> {
  const inbox = await store?.mailboxByName(account, 'INBOX');
  if (inbox === undefined) return [];
  const entries = (await store?.entries(inbox.id)) ?? [];
  const bodies = await Promise.all(entries.map((entry) => store?.open(entry.messageId)));
  return Promise.all(
    bodies.map(async (body) => (body === undefined ? '' : (await readBody(body, 1e6)).toString())),
  );
}

async function until(check: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 5_000; turn++) {
    if (await check()) return;
    await new Promise(setImmediate);
  }
  throw new Error('it never came true');
}

describe('a server', () => {
  it('takes a message through all stages into the mailbox', async () => {
    server = await startTestMta({ plugins: house() });
    const replies = await send(server.port('relay'), 'a@b.test', 'bob@here.test');
    expect(replies.map((reply) => reply.slice(0, 3))).toEqual([
      '220',
      '250',
      '250',
      '250',
      '354',
      '250',
      '221',
    ]);
    await until(async () => (await inboxOf('bob@here.test')).length === 1);
    const [message = ''] = await inboxOf('bob@here.test');
    expect(message).toMatch(
      /^Return-Path: <a@b\.test>\r\nReceived: from client\.test \(\[127\.0\.0\.1\]\)\r\n\tby mx\.test \(Postroad\) with ESMTP id /,
    );
    expect(message.endsWith(content)).toBe(true);
  });

  it('refuses whom nobody vouches for', async () => {
    server = await startTestMta({ plugins: house() });
    const port = server.port('relay');
    expect((await send(port, 'a@b.test', 'nobody@here.test')).at(-2)).toBe('550 5.1.1 no such user');
    expect((await send(port, 'a@b.test', 'x@elsewhere.test')).at(-2)).toBe('550 5.7.1 relaying denied');
  });

  it('is no open relay when no plugin decides', async () => {
    server = await startTestMta({});
    expect((await send(server.port('relay'), 'a@b.test', 'x@elsewhere.test')).at(-2)).toMatch(/^550 5\.7\.1/);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('broken');
      },
    ],
    ['rejects', () => Promise.reject(new Error('broken'))],
    ['hangs', () => new Promise<undefined>(() => {})],
  ])('defers, names the plugin and goes on when a plugin %s', async (_how, answer) => {
    const bad = definePlugin({
      name: 'check-bad',
      setup: ({ tap }) =>
        tap(
          'recipient',
          (_transaction, { address }) => (address.localPart === 'bob' ? answer() : undefined),
          { timeoutMs: 50, order: 'early' },
        ),
    });
    server = await startTestMta({ plugins: house(bad()) });
    expect((await send(server.port('relay'), 'a@b.test', 'bob@here.test')).at(-2)).toMatch(/^451 4\.3\.0/);
    expect(server.logged.find((line) => line.event === 'tap failed')?.fields).toMatchObject({
      plugin: 'check-bad',
      hook: 'recipient',
    });
    expect((await send(server.port('relay'), 'a@b.test', 'alice@here.test')).at(-2)).toMatch(/^250/);
  });

  it('returns what cannot be delivered to its sender', async () => {
    server = await startTestMta({ plugins: house() });
    await server.mta.submit(
      { reversePath: 'alice@here.test', recipients: ['x@elsewhere.test'] },
      'Subject: out\n\nhello\n',
    );
    await until(async () => (await inboxOf('alice@here.test')).length === 1);
    const [dsn = ''] = await inboxOf('alice@here.test');
    expect(dsn).toContain('Return-Path: <>');
    expect(dsn).toMatch(/Final-Recipient: rfc822; ?x@elsewhere\.test/i);
    expect(dsn).toMatch(/Status: 5\.4\.4/);
  });

  it('takes messages from code, and says why not', async () => {
    server = await startTestMta({ plugins: house() });
    const { mta } = server;
    const { id } = await mta.submit(
      { reversePath: null, recipients: ['bob@here.test'] },
      'Subject: one\n\nline\n',
    );
    expect(id).toMatch(/^[0-9a-z]{26}$/);
    await until(async () => (await inboxOf('bob@here.test')).length === 1);
    expect((await inboxOf('bob@here.test'))[0]).toMatch(
      /Message-ID: <.*@mx\.test>\r\nSubject: one\r\n\r\nline\r\n$/,
    );
    await expect(mta.submit({ reversePath: null, recipients: ['no@here.test'] }, 'x')).rejects.toMatchObject({
      code: 'E_REFUSED',
      reply: { code: 550 },
    });
    await expect(
      mta.submit({ reversePath: null, recipients: ['not an address'] }, 'x'),
    ).rejects.toMatchObject({ code: 'E_USAGE' });
  });
});

describe('submission', () => {
  const options = (): Partial<MtaOptions> => ({
    plugins: house(),
    listeners: [{ name: 'submission', host: '127.0.0.1', port: 0, role: 'submission', plaintextAuth: true }],
  });
  const login = (user: string, password: string) => Buffer.from(`\0${user}\0${password}`).toString('base64');

  it('needs a login, and lets nobody send as somebody else', async () => {
    server = await startTestMta(options());
    const smtp = await client(server.port('submission'));
    await smtp.read();
    await smtp.say('EHLO client.test');
    expect(await smtp.say('MAIL FROM:<alice@here.test>')).toMatch(/^530 5\.7\.0/);
    expect(await smtp.say(`AUTH PLAIN ${login('alice@here.test', 'wrong')}`)).toMatch(/^535 5\.7\.8/);
    expect(await smtp.say(`AUTH PLAIN ${login('alice@here.test', 'wonderland')}`)).toMatch(/^235/);
    expect(await smtp.say('MAIL FROM:<bob@here.test>')).toMatch(/^553 5\.7\.1/);
    expect(await smtp.say('MAIL FROM:<alice+list@here.test>')).toMatch(/^250/);
    expect(await smtp.say('RCPT TO:<x@elsewhere.test>')).toMatch(/^250/);
    smtp.end();
  });

  it('refuses plain-text logins on an address that others reach', async () => {
    const listeners = [{ port: 0, role: 'submission', plaintextAuth: true }] as const;
    await expect(startTestMta({ plugins: house(), listeners })).rejects.toMatchObject({
      code: 'E_CONFIG',
      message: expect.stringContaining('loopback'),
    });
  });
});

describe('starting and reloading', () => {
  const Missing = token<object>('test.missing');

  it('refuses a start by name, and undoes what had begun', async () => {
    const ended: string[] = [];
    const first = definePlugin({
      name: 'first',
      setup: ({ onStart, defer }) => {
        onStart(() => {});
        defer(() => void ended.push('first'));
      },
    });
    const second = definePlugin({
      name: 'second',
      setup: ({ onStart }) => onStart(() => Promise.reject(new Error('no disk'))),
    });
    await expect(startTestMta({ plugins: [first(), second()] })).rejects.toThrow(
      /plugin second failed in its start: no disk/,
    );
    expect(ended).toEqual(['first']);
    const needy = definePlugin({ name: 'needy', needs: { missing: Missing }, setup: () => {} });
    await expect(startTestMta({ plugins: [needy()] })).rejects.toMatchObject({ code: 'E_TOKEN_MISSING' });
  });

  it('keeps open connections on the old generation, and the port open', async () => {
    server = await startTestMta({ plugins: house() });
    const port = server.port('relay');
    const old = await client(port);
    await old.read();
    await old.say('EHLO old.test');
    await old.say('MAIL FROM:<a@b.test>');
    const refuseAll = definePlugin({
      name: 'check-no',
      setup: ({ tap }) => tap('recipient', () => reject(550, '7.1', 'closed today'), { order: 'early' }),
    });
    await server.mta.reload({
      hostname: 'mx2.test',
      plugins: [...server.engines, ...house(refuseAll())],
      listeners: [{ name: 'relay', host: '127.0.0.1', port: 0, role: 'relay' }],
    });
    expect(server.port('relay')).toBe(port);
    const replies = await send(port, 'a@b.test', 'bob@here.test');
    expect(replies[0]).toContain('mx2.test');
    expect(replies.at(-2)).toBe('550 5.7.1 closed today');
    expect(await old.say('RCPT TO:<bob@here.test>')).toMatch(/^250/);
    await old.say('DATA');
    expect(await old.say(`${content}.`)).toMatch(/^250/);
    old.end();
    await until(async () => (await inboxOf('bob@here.test')).length === 1);
  });

  it('keeps the old generation when the new one is broken', async () => {
    server = await startTestMta({ plugins: house() });
    const needy = definePlugin({ name: 'needy', needs: { missing: Missing }, setup: () => {} });
    const listeners = [{ name: 'relay', host: '127.0.0.1', port: 0, role: 'relay' }] as const;
    await expect(
      server.mta.reload({ hostname: 'mx2.test', plugins: [...server.engines, needy()], listeners }),
    ).rejects.toMatchObject({ code: 'E_TOKEN_MISSING' });
    const bad = definePlugin({
      name: 'bad-start',
      setup: ({ onStart }) =>
        onStart(() => {
          throw new Error('x');
        }),
    });
    await expect(
      server.mta.reload({ hostname: 'mx2.test', plugins: [...server.engines, ...house(bad())], listeners }),
    ).rejects.toThrow('bad-start');
    expect((await send(server.port('relay'), 'a@b.test', 'bob@here.test'))[0]).toContain('mx.test');
  });

  it('explains who taps what before it is started', async () => {
    server = await startTestMta({ plugins: house() });
    const explanation = server.mta.explain();
    expect(explanation.hooks.find((hook) => hook.hook === 'route')?.taps).toEqual(['route-here']);
    expect(explanation.services).toContainEqual({ token: 'core.directory', provider: 'directory-memory' });
    expect(explanation.listeners[0]).toMatchObject({ name: 'relay', role: 'relay' });
  });
});
