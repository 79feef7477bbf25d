import { accept, Counters, definePlugin, MailError, type PluginUse } from '@postroad/core';
import {
  createVirtualClock,
  playDialogue,
  startTestMta,
  type TestMta,
  type VirtualClock,
} from '@postroad/core/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type CheckRateOptions, checkRate, type RateLimitOptions } from './index.js';

let clock: VirtualClock;
let server: TestMta | undefined;
beforeEach(() => {
  clock = createVirtualClock();
});
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

const others = definePlugin({
  name: 'route-open',
  setup({ tap }) {
    tap('recipient', () => accept(), { order: 'late' });
    tap('route', () => ({ transport: 'local', accountId: 'a' }));
  },
});

const minute = { units: 2, perMs: 60_000 };

async function start(
  limits: readonly RateLimitOptions[],
  more: Omit<CheckRateOptions, 'limits'> = {},
  plugins: readonly PluginUse[] = [],
) {
  server = await startTestMta({
    clock,
    plugins: [others(), checkRate({ limits, ...more }), ...plugins],
    listeners: [{ name: 'relay', host: '127.0.0.1', port: 0, role: 'relay', xclientFrom: ['127.0.0.1'] }],
  });
}

/** As a client of this address; `steps` begin after its greeting. */
async function client(address: string, steps: string, greeting = '220 ...') {
  const hello = greeting.startsWith('220') ? 'C: HELO mail.example.org\nS: 250 ...' : '';
  await playDialogue(
    { port: server?.port('relay') as number },
    `S: 220 ...
    C: HELO proxy.test
    S: 250 ...
    C: XCLIENT ADDR=${address}
    S: ${greeting}
    ${hello}
    ${steps}`,
  );
}

const mail = (from: string, hears = '250 ...') => `C: MAIL FROM:<${from}>\nS: ${hears}\n`;
const rcpt = (to: string, hears = '250 ...') => `C: RCPT TO:<${to}>\nS: ${hears}\n`;
const data = (hears = '250 ...') =>
  `C: DATA\nS: 354 ...\nC: Subject: x\nC: \nC: 0123456789\nC: .\nS: ${hears}\n`;
const later = '450 4.7.1 too much at once, try again later';

function reasons() {
  return server?.logged
    .filter(({ event }) => event === 'refused')
    .map(({ fields }) => [fields.rule, fields.reason]);
}

test('at connect, by network: 421 and the time to wait in the log; another network is not concerned', async () => {
  await start([{ at: 'connect', by: ['network'], ...minute }], { exemptClients: ['127.0.0.1'] });
  await client('192.0.2.1', '');
  await client('192.0.2.2', '');
  await client('192.0.2.3', '', '421 4.7.0 too much at once, try again later');
  await client('198.51.100.1', '');
  expect(reasons()).toEqual([['connect-by-network', 'connect-by-network:192.0.2.0/24: wait 30 s']]);
  await clock.advance(30_000);
  await client('192.0.2.3', '');
});

test('at MAIL by sender, at RCPT by recipient and its domain, each with its burst', async () => {
  await start([
    { at: 'reversePath', by: ['sender'], units: 60, perMs: 60_000, burst: 1 },
    { name: 'per-domain', at: 'recipient', by: ['recipientDomain'], ...minute },
    { at: 'recipient', by: ['client', 'recipient'], units: 1, perMs: 60_000 },
  ]);
  await client(
    '192.0.2.1',
    mail('a@example.org') +
      rcpt('bob@example.net') +
      rcpt('Bob@Example.net', later) +
      rcpt('carol@example.net', later) +
      rcpt('dave@example.com'),
  );
  await client('192.0.2.1', mail('A@example.org', later) + mail('b@example.org'));
  await clock.advance(1_000);
  await client('192.0.2.1', mail('a@example.org'));
  // The second recipient was within the domain's limit, and is counted there though its own limit refused it.
  expect(reasons()?.map(([rule]) => rule)).toEqual([
    'recipient-by-client-recipient',
    'per-domain',
    'reversePath-by-sender',
  ]);
});

test('at the message by recipients and by octets', async () => {
  await start([
    { name: 'many', at: 'message', by: [], units: 3, perMs: 60_000, count: 'recipients' },
    { name: 'big', at: 'message', by: ['client'], units: 60, perMs: 60_000, count: 'octets' },
  ]);
  const to = rcpt('b@example.net') + rcpt('c@example.net');
  await client('192.0.2.1', mail('a@example.org') + to + data());
  await client('192.0.2.1', mail('a@example.org') + to + data(later));
  await client('192.0.2.1', mail('a@example.org') + rcpt('b@example.net') + data());
  await clock.advance(60_000);
  await client('192.0.2.1', mail('a@example.org') + rcpt('b@example.net') + data());
  await client('192.0.2.1', mail('a@example.org') + rcpt('b@example.net') + data());
  await client('192.0.2.1', mail('a@example.org') + rcpt('b@example.net') + data(later));
  expect(reasons()?.map(([rule]) => rule)).toEqual(['many', 'big']);
});

test('a limit for users does not concern strangers', async () => {
  await start([{ at: 'reversePath', by: ['user'], units: 1, perMs: 60_000, who: 'users' }]);
  await client('192.0.2.1', mail('a@example.org'));
  await client('192.0.2.1', mail('a@example.org'));
  await server?.mta.submit({ reversePath: 'a@example.org', recipients: ['b@example.net'] }, 'Subject: x\n\n');
  const second = server?.mta.submit(
    { reversePath: 'a@example.org', recipients: ['b@example.net'] },
    'x: y\n\n',
  );
  await expect(second).rejects.toMatchObject({ reply: { code: 450 } });
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
  })();
  const limits = [{ at: 'reversePath', by: ['sender'], ...minute }] as const;
  await start(limits, {}, [broken]);
  await client('192.0.2.1', mail('a@example.org', '451 4.3.0 ...'));
  await server?.stop();
  await start(limits, { onError: 'skip' }, [broken]);
  await client('192.0.2.1', mail('a@example.org'));
});

test('addresses of any length count', async () => {
  await start([{ at: 'recipient', by: ['sender', 'recipient'], units: 1, perMs: 60_000 }]);
  const long = `${'x'.repeat(60)}@${'y'.repeat(60)}.${'z'.repeat(60)}.${'w'.repeat(60)}`;
  await client('192.0.2.1', mail(long) + rcpt(long) + rcpt(long, later));
});

test('explains its limits', async () => {
  await start([{ at: 'message', by: ['client'], units: 100, perMs: 60_000, burst: 10 }]);
  const hook = server?.mta.explain().hooks.find((one) => one.hook === 'message');
  expect(hook?.checks[0]?.description).toBe('450 beyond 100 messages in 60 s by client, 10 at once');
});

test.each([
  [{ at: 'connect', by: ['sender'], ...minute }, /not known at that point/],
  [{ at: 'recipient', by: [], count: 'octets', ...minute }, /counted at message/],
  [{ at: 'recipient', by: ['colour'], ...minute }, /by/],
  [{ at: 'recipient', by: [], units: 0, perMs: 1 }, /units/],
])('refuses the start with %j', async (limit, message) => {
  const use = checkRate({ limits: [limit as RateLimitOptions] });
  await expect(startTestMta({ plugins: [use] })).rejects.toThrow(message);
});
