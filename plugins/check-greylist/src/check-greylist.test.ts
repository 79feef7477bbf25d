import {
  accept,
  Counters,
  definePlugin,
  MailError,
  noteFinding,
  type PluginUse,
  reject,
} from '@postroad/core';
import {
  createVirtualClock,
  playDialogue,
  startTestMta,
  type TestMta,
  type VirtualClock,
} from '@postroad/core/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type CheckGreylistOptions, checkGreylist } from './index.js';
import { senderKey, tripletKey } from './triplet.js';

let clock: VirtualClock;
let server: TestMta;
beforeEach(() => {
  clock = createVirtualClock();
});
afterEach(() => server.stop());

/** Knows everybody but mallory. */
const others = definePlugin({
  name: 'route-open',
  setup({ tap }) {
    tap(
      'recipient',
      (_transaction, { address }) =>
        address.localPart === 'mallory' ? reject(550, '1.1', 'no such user') : accept(),
      { order: 'late' },
    );
    tap('route', () => ({ transport: 'local', accountId: 'a' }));
  },
});

async function start(options: CheckGreylistOptions = {}, more: readonly PluginUse[] = []): Promise<void> {
  server = await startTestMta({
    clock,
    plugins: [...more, checkGreylist(options), others()],
    listeners: [{ name: 'relay', host: '127.0.0.1', port: 0, role: 'relay', xclientFrom: ['127.0.0.1'] }],
  });
}

async function send(
  hears: string,
  { address = '192.0.2.1', from = 'a@example.org', to = 'bob@example.net', data = '' } = {},
): Promise<void> {
  await playDialogue(
    { port: server.port('relay') },
    `S: 220 ...
    C: HELO proxy.test
    S: 250 ...
    C: XCLIENT ADDR=${address}
    S: 220 ...
    C: HELO mail.example.org
    S: 250 ...
    C: MAIL FROM:<${from}>
    S: 250 ...
    C: RCPT TO:<${to}>
    S: ${hears}
    ${data === '' ? '' : `C: DATA\nS: 354 ...\nC: Subject: x\nC: \nC: .\nS: ${data}`}`,
  );
}

const later = '450 4.7.1 not seen before, try again in a few minutes';

test('a new triplet waits, and passes when it comes again after the delay', async () => {
  await start();
  await send(later);
  await clock.advance(200_000);
  await send(later);
  await clock.advance(100_000);
  await send('250 ...');
  await send(later, { to: 'carol@example.net' });
  expect(server.logged.filter(({ event }) => event === 'refused').map(({ fields }) => fields.reason)).toEqual(
    ['first seen, wait 300 s', 'too early, wait 100 s', 'first seen, wait 300 s'],
  );
});

test('a neighbour of the client in the same network continues its wait; one that comes too late begins anew', async () => {
  await start({ windowMs: 3_600_000 });
  await send(later, { address: '192.0.2.1' });
  await clock.advance(300_000);
  await send('250 ...', { address: '192.0.2.200' });
  await send(later, { address: '198.51.100.1' });
  await clock.advance(3_600_000);
  await send(later, { address: '198.51.100.1' });
});

test('a network that has come again often enough need not wait any more, until it has not been seen for long', async () => {
  await start({ allowAfter: 2, rememberMs: 86_400_000 });
  for (const to of ['u1@example.net', 'u2@example.net']) await send(later, { to });
  await clock.advance(300_000);
  for (const to of ['u1@example.net', 'u2@example.net']) await send('250 ...', { to });
  await send('250 ...', { to: 'new@example.net', from: 'other@example.com' });
  await clock.advance(86_400_001);
  await send(later, { to: 'new2@example.net' });
});

test('an unknown recipient is refused for good at once', async () => {
  await start();
  await send('550 5.1.1 no such user', { to: 'mallory@example.net' });
});

test('who is vouched for, has an SPF pass, or is exempt need not wait', async () => {
  const notes = definePlugin({
    name: 'check-notes',
    setup({ tap }) {
      tap('reversePath', (transaction, path) => {
        if (path?.domain === 'allowed.example')
          noteFinding(transaction.connection, { source: 'list', result: 'allow' });
        if (path?.domain === 'spf.example') noteFinding(transaction, { source: 'spf', result: 'pass' });
        if (path?.domain === 'fail.example') noteFinding(transaction, { source: 'spf', result: 'fail' });
        return undefined;
      });
    },
  });
  await start(
    { exemptSenders: ['friend.example'], exemptRecipients: ['x@example.net', 'free.example', 'abuse@'] },
    [notes()],
  );
  for (const from of ['a@allowed.example', 'a@spf.example', 'a@friend.example'])
    await send('250 ...', { from });
  for (const to of ['X@example.net', 'any@free.example', 'abuse@example.net']) await send('250 ...', { to });
  await send('250 ...', { address: '10.1.2.3' });
  await send(later, { from: 'a@fail.example' });
});

test('asked when the message is there, it knows what SPF said', async () => {
  const spf = definePlugin({
    name: 'check-spf',
    setup({ tap }) {
      tap('inspect', ({ envelope }) => ({
        source: 'check-auth',
        details: {
          results: [
            { method: 'dkim', result: 'none' },
            { method: 'spf', result: envelope.reversePath?.domain === 'spf.example' ? 'pass' : 'none' },
          ],
        },
      }));
    },
  });
  await start({ at: 'message' }, [spf()]);
  await send('250 ...', { data: later });
  await send('250 ...', { from: 'a@spf.example', data: '250 ...' });
  await clock.advance(300_000);
  await send('250 ...', { data: '250 ...' });
});

test('counters that fail defer, or are skipped by name', async () => {
  const broken = definePlugin({
    name: 'counters-broken',
    provides: [Counters],
    setup({ provide }) {
      const fail = () => Promise.reject(new MailError('E_COUNTERS', 'gone'));
      const nothing = { async *[Symbol.asyncIterator]() {} };
      provide(Counters, {
        take: fail,
        add: fail,
        get: fail,
        set: fail,
        setIfAbsent: fail,
        delete: fail,
        entries: () => nothing,
      });
    },
  });
  await start({}, [broken()]);
  await send('451 4.3.0 ...');
  await server.stop();
  await start({ onError: 'skip' }, [broken()]);
  await send('250 ...');
});

test('addresses that change with every message are one sender', () => {
  const key = (text: string) => {
    const [localPart = '', domain = ''] = text.split('@');
    return senderKey({ localPart, domain });
  };
  expect(key('bounce-123-bob=example.net@list.example')).toBe(key('bounce-98-bob=example.net@list.example'));
  expect(key('prvs=12ab34cd=bob@example.org')).toBe(key('prvs=98fe76ba=bob@example.org'));
  expect(key('news+a@example.org')).toBe(key('news+b@example.org'));
  expect(key('alice@example.org')).not.toBe(key('alicia@example.org'));
  expect(senderKey(null)).toBe('');
  const long = { localPart: 'x'.repeat(64), domain: `${'y'.repeat(60)}.example` };
  expect(tripletKey('2001:db8:0:0::/64', long, long).length).toBeLessThan(100);
});
