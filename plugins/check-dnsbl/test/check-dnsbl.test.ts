/** Lists in a DNS server on loopback; clients get their addresses by XCLIENT. */
import {
  accept,
  createResolver,
  definePlugin,
  type Finding,
  type PluginUse,
  systemClock,
} from '@postroad/core';
import {
  createSeededRandom,
  createVirtualClock,
  type DnsServer,
  type DnsZones,
  playDialogue,
  startDnsServer,
  startTestMta,
  type TestMta,
} from '@postroad/core/testing';
import { afterEach, expect, test } from 'vitest';
import { type CheckDnsblOptions, checkDnsbl } from '../src/index.js';

const listed = { A: ['127.0.0.2'] };
const healthy = (zone: string) => ({ [`2.0.0.127.${zone}`]: listed });

let dns: DnsServer | undefined;
let server: TestMta | undefined;
let findings: readonly Finding[] = [];
afterEach(async () => {
  await server?.stop();
  await dns?.close();
  server = undefined;
  dns = undefined;
  findings = [];
});

const others = definePlugin({
  name: 'route-open',
  setup({ tap }) {
    tap('recipient', () => accept(), { order: 'late' });
    tap('route', () => ({ transport: 'local', accountId: 'a' }));
    tap('message', (_message, found) => {
      findings = found;
      return undefined;
    });
  },
});

async function start(zones: DnsZones, options: CheckDnsblOptions, more: readonly PluginUse[] = []) {
  dns = await startDnsServer(zones);
  const resolver = createResolver({
    clock: systemClock,
    random: createSeededRandom(1),
    servers: [dns.address],
    hostsFile: false,
    timeoutMs: 300,
    rounds: 1,
  });
  server = await startTestMta({
    resolver,
    plugins: [others(), checkDnsbl(options), ...more],
    listeners: [{ name: 'relay', host: '127.0.0.1', port: 0, role: 'relay', xclientFrom: ['127.0.0.1'] }],
  });
  return server;
}

/** What a client at this address hears to RCPT; with `data` it goes on. */
async function send(
  address: string,
  hears: string,
  {
    from = 'a@example.org',
    to = 'bob@example.org',
    helo = 'mail.example.org',
    header = 'Subject: x',
    data = false,
  } = {},
) {
  await playDialogue(
    { port: server?.port('relay') as number },
    `
    S: 220 ...
    C: EHLO proxy.test
    S: 250-...
    S: ...
    S: 250 ...
    C: XCLIENT ADDR=${address.includes(':') ? `IPV6:${address}` : address}
    S: 220 ...
    C: EHLO ${helo}
    S: 250-...
    S: ...
    S: 250 ...
    C: MAIL FROM:<${from}>
    S: 250 ...
    C: RCPT TO:<${to}>
    S: ${hears}
    ${data ? `C: DATA\nS: 354 ...\nC: ${header}\nC: \nC: .\nS: 250 ...` : ''}
    `,
  );
}

test('refuses listed clients by IPv4 and IPv6, tells why in the log, and takes mail for postmaster', async () => {
  const nibbles = '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2';
  await start(
    { ...healthy('bl.example'), '9.2.0.192.bl.example': listed, [`${nibbles}.bl.example`]: listed },
    { lists: [{ zone: 'bl.example', action: 'reject' }] },
  );
  await send('192.0.2.9', '550 5.7.1 service refused, the client or sender is on a block list');
  await send('2001:db8::1', '550 5.7.1 ...');
  await send('192.0.2.10', '250 ...');
  await send('192.0.2.9', '250 ...', { to: 'Postmaster@example.org' });
  expect(server?.logged.find(({ event }) => event === 'refused')?.fields).toMatchObject({
    plugin: 'check-dnsbl',
    rule: 'bl.example',
    reason: '192.0.2.9 is listed as 127.0.0.2',
  });
});

test('adds up weights and refuses from a sum, unless an allow list vouches', async () => {
  await start(
    {
      ...healthy('one.example'),
      ...healthy('two.example'),
      ...healthy('ok.example'),
      '9.2.0.192.one.example': listed,
      '9.2.0.192.two.example': { A: ['127.0.0.4'] },
      '8.2.0.192.one.example': listed,
      '7.2.0.192.one.example': listed,
      '7.2.0.192.two.example': { A: ['127.0.0.4'] },
      '7.2.0.192.ok.example': listed,
    },
    {
      rejectScore: 5,
      lists: [
        { zone: 'one.example', weight: 2 },
        { zone: 'two.example', codes: { '127.0.0.4': 3 } },
        { zone: 'ok.example', kind: 'allow' },
      ],
    },
  );
  await send('192.0.2.9', '550 5.7.1 ...');
  await send('192.0.2.8', '250 ...', { data: true });
  expect(findings).toMatchObject([{ source: 'check-dnsbl', result: 'listed', score: 2 }]);
  await send('192.0.2.7', '250 ...', { data: true });
  expect(findings.map(({ result, score }) => [result, score])).toEqual([
    ['listed', 2],
    ['listed', 3],
    ['allow', -3],
  ]);
});

test('asks for domains of HELO, sender, client name and From', async () => {
  const zones = {
    'test.dbl.example': listed,
    'bad-helo.example.dbl.example': { A: ['127.0.1.2'] },
    'bad-sender.example.dbl.example': { A: ['127.0.1.3'] },
    'bad-name.example.dbl.example': { A: ['127.0.1.4'] },
    'bad-from.example.dbl.example': { A: ['127.0.1.5'] },
    '9.2.0.192.in-addr.arpa': { PTR: ['bad-name.example'] },
  };
  await start(zones, {
    lists: [{ zone: 'dbl.example', of: ['helo', 'sender', 'clientName', 'from'] }],
  });
  await send('192.0.2.9', '250 ...', {
    helo: 'bad-helo.example',
    from: 'a@bad-sender.example',
    header: 'From: X <x@Bad-From.example>',
    data: true,
  });
  expect(findings.map(({ text }) => text).sort()).toEqual([
    'dbl.example lists bad-from.example as 127.0.1.5',
    'dbl.example lists bad-helo.example as 127.0.1.2',
    'dbl.example lists bad-name.example as 127.0.1.4',
    'dbl.example lists bad-sender.example as 127.0.1.3',
  ]);
});

test.each(['silence', 'servfail', 'garbage'] as const)(
  'a list that answers with %s defers, or is a finding where the options say skip',
  async (failure) => {
    const zones: DnsZones = {
      '9.2.0.192.down.example': failure,
      '8.2.0.192.soft.example': failure,
    };
    await start(zones, {
      lists: [
        { zone: 'down.example', timeoutMs: 200, hasTestEntries: false },
        { zone: 'soft.example', timeoutMs: 200, hasTestEntries: false, onError: 'skip' },
      ],
    });
    await send('192.0.2.9', '451 4.7.1 try again later');
    await send('192.0.2.8', '250 ...', { data: true });
    expect(findings).toMatchObject([{ source: 'check-dnsbl', text: 'soft.example' }]);
    expect(findings[0]?.error).toBeTruthy();
  },
);

test('answers that no list gives do not refuse', async () => {
  await start(
    { '9.2.0.192.bl.example': { A: ['203.0.113.80'] } },
    { lists: [{ zone: 'bl.example', action: 'reject', onError: 'skip', hasTestEntries: false }] },
  );
  await send('192.0.2.9', '250 ...', { data: true });
  expect(findings[0]?.error).toBe('answers 203.0.113.80, which no list does');
});

test('leaves out a list that answers listed to everything, until it is well again', async () => {
  const clock = createVirtualClock();
  const everything: DnsZones = {
    '2.0.0.127.bl.example': listed,
    '1.0.0.127.bl.example': listed,
    '9.2.0.192.bl.example': listed,
  };
  dns = await startDnsServer(everything);
  const answers = { ...everything };
  const resolver = {
    mx: async () => [],
    txt: async () => [],
    names: async () => [],
    addresses: async (name: string) => {
      const entry = answers[name];
      return typeof entry === 'object' ? (entry.A ?? []) : [];
    },
  };
  server = await startTestMta({
    resolver,
    clock,
    plugins: [
      others(),
      checkDnsbl({ lists: [{ zone: 'bl.example', action: 'reject' }], healthEveryMs: 60_000 }),
    ],
    listeners: [{ name: 'relay', host: '127.0.0.1', port: 0, role: 'relay', xclientFrom: ['127.0.0.1'] }],
  });
  await server.whenLogged('a DNS list answers listed to everything and is left out');
  await send('192.0.2.9', '250 ...');
  delete (answers as Record<string, unknown>)['1.0.0.127.bl.example'];
  await clock.advance(60_000);
  await server.whenLogged('a DNS list is well again');
  await send('192.0.2.9', '550 5.7.1 ...');
});

test('warns of a list without its test entry, and asks it nevertheless', async () => {
  await start({ '9.2.0.192.bl.example': listed }, { lists: [{ zone: 'bl.example', action: 'reject' }] });
  await server?.whenLogged('a DNS list lacks its test entry');
  await send('192.0.2.9', '550 5.7.1 ...');
});

test('asks nothing for clients of ours', async () => {
  await start({}, { lists: [{ zone: 'bl.example' }] });
  await server?.whenLogged('a DNS list lacks its test entry');
  const before = dns?.questions.length;
  await send('192.168.1.9', '250 ...');
  expect(dns?.questions.length).toBe(before);
});

test('explains itself', async () => {
  await start({}, { lists: [{ zone: 'bl.example', action: 'reject' }], rejectScore: 5 });
  const hook = server?.mta.explain().hooks.find((one) => one.hook === 'recipient');
  expect(hook?.checks[0]?.description).toBe('bl.example (rejects, 451 when down); 550 from 5 points');
});

test.each([
  [{ lists: [] }, /lists/],
  [{ lists: [{ zone: 'not a zone' }] }, /is no domain name/],
  [{ lists: [{ zone: 'bl.example', codes: { nonsense: 1 } }] }, /is no return code/],
  [{ lists: [{ zone: 'bl.example', wieght: 1 }] }, /wieght/],
])('refuses the start with wrong options', async (options, message) => {
  await expect(startTestMta({ plugins: [checkDnsbl(options as CheckDnsblOptions)] })).rejects.toThrow(
    message,
  );
});
