import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { isMailError } from '../errors.js';
import { type DnsServer, type DnsZones, startDnsServer } from '../testing/dns-server.js';
import { createResolver, type ResolverOptions } from './dns-resolver.js';
import type { Resolver } from './resolver.js';
import { systemClock } from './system-clock.js';
import { createSystemRandom } from './system-random.js';

const random = createSystemRandom(systemClock);
const opened: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0)) await close();
});

async function start(
  zones: DnsZones,
  options: Partial<ResolverOptions> = {},
): Promise<{ dns: DnsServer; resolver: Resolver }> {
  const dns = await startDnsServer(zones);
  opened.push(() => dns.close());
  const resolver = createResolver({
    servers: [dns.address],
    clock: systemClock,
    random,
    timeoutMs: 10_000,
    hostsFile: false,
    ...options,
  });
  return { dns, resolver };
}

const failsWithDns = (looked: Promise<unknown>) =>
  expect(looked).rejects.toSatisfy((error: unknown) => isMailError(error, 'E_DNS'));

test('finds mail exchangers, addresses, texts and names', async () => {
  const { resolver } = await start({
    'example.org': {
      MX: [{ preference: 10, exchange: 'mx.example.org' }],
      TXT: ['v=spf1 -all', 'x'.repeat(600)],
    },
    'mx.example.org': { A: ['192.0.2.1', '192.0.2.2'], AAAA: ['2001:db8::1'] },
    '1.2.0.192.in-addr.arpa': { PTR: ['mx.example.org'] },
    '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa': { PTR: ['mx.example.org'] },
  });
  expect(await resolver.mx('Example.ORG')).toEqual([{ preference: 10, exchange: 'mx.example.org' }]);
  expect([...(await resolver.addresses('mx.example.org'))].sort()).toEqual([
    '192.0.2.1',
    '192.0.2.2',
    '2001:db8::1',
  ]);
  expect(await resolver.txt('example.org')).toEqual(['v=spf1 -all', 'x'.repeat(600)]);
  expect(await resolver.names('192.0.2.1')).toEqual(['mx.example.org']);
  expect(await resolver.names('2001:db8::1')).toEqual(['mx.example.org']);
});

test('gives an empty list when the name or its records do not exist', async () => {
  const { resolver } = await start({ 'example.org': { A: ['192.0.2.1'] } });
  expect(await resolver.mx('example.org')).toEqual([]);
  expect(await resolver.mx('nowhere.example')).toEqual([]);
  expect(await resolver.addresses('nowhere.example')).toEqual([]);
});

test('keeps the null MX', async () => {
  const { resolver } = await start({ 'example.org': { MX: [{ preference: 0, exchange: '' }] } });
  expect(await resolver.mx('example.org')).toEqual([{ preference: 0, exchange: '' }]);
});

test.each(['servfail', 'refused', 'silence', 'garbage', 'wrong-id', 'drop-tcp'] as const)(
  'fails for now when the server answers with %s',
  async (failure) => {
    const { resolver, dns } = await start({ 'example.org': failure }, { timeoutMs: 50, rounds: 2 });
    await failsWithDns(resolver.mx('example.org'));
    dns.set('example.org', { MX: [{ preference: 1, exchange: 'a.example.org' }] });
    // A failure is not remembered; the patience of ten seconds is for busy machines.
    await expect.poll(() => resolver.mx('example.org').catch(() => []), { timeout: 10_000 }).toHaveLength(1);
  },
);

test('asks the next server when one is silent or gone', async () => {
  const silent = await startDnsServer({ 'example.org': 'silence' });
  const gone = await startDnsServer({});
  await gone.close();
  opened.push(() => silent.close());
  const { dns } = await start({ 'example.org': { A: ['192.0.2.1'] } });
  const resolver = createResolver({
    servers: [gone.address, silent.address, dns.address],
    clock: systemClock,
    random,
    timeoutMs: 200,
    rounds: 5,
    hostsFile: false,
  });
  expect(await resolver.addresses('example.org')).toEqual(['192.0.2.1']);
});

test('asks again over TCP when the answer does not fit', async () => {
  const records = Array.from({ length: 200 }, (_, index) => ({
    preference: index,
    exchange: `mx${index}.example.org`,
  }));
  const { resolver, dns } = await start({ 'example.org': { MX: records, isTruncated: true } });
  expect(await resolver.mx('example.org')).toHaveLength(200);
  expect(dns.questions).toEqual(['MX example.org', 'MX example.org tcp']);
});

test('follows aliases, and ends a circle of them', async () => {
  const { resolver } = await start({
    'example.org': { CNAME: 'other.example' },
    'other.example': { MX: [{ preference: 5, exchange: 'mx.other.example' }] },
    'a.example': { CNAME: 'b.example' },
    'b.example': { CNAME: 'a.example' },
  });
  expect(await resolver.mx('example.org')).toEqual([{ preference: 5, exchange: 'mx.other.example' }]);
  expect(await resolver.mx('a.example')).toEqual([]);
});

test('remembers answers for their time to live, and shares a question that is under way', async () => {
  let now = 0;
  const clock = { ...systemClock, monotonic: () => now };
  const { resolver, dns } = await start({ 'example.org': { TXT: ['one'], ttlSeconds: 30 } }, { clock });
  await Promise.all([resolver.txt('example.org'), resolver.txt('example.org'), resolver.txt('example.org')]);
  expect(dns.questions).toHaveLength(1);
  dns.set('example.org', { TXT: ['two'] });
  now = 29_999;
  expect(await resolver.txt('example.org')).toEqual(['one']);
  now = 30_000;
  expect(await resolver.txt('example.org')).toEqual(['two']);
});

test('remembers that there is none', async () => {
  const { resolver, dns } = await start({});
  await resolver.txt('example.org');
  await resolver.txt('example.org');
  expect(dns.questions).toHaveLength(1);
});

test('stops when the signal aborts, and leaves the others waiting', async () => {
  const { resolver, dns } = await start({ 'example.org': 'silence' }, { timeoutMs: 400, rounds: 1 });
  const stop = new AbortController();
  const first = resolver.txt('example.org', stop.signal);
  const second = resolver.txt('example.org');
  stop.abort(new Error('no longer'));
  await expect(first).rejects.toThrow('no longer');
  await failsWithDns(second);
  expect(dns.questions).toHaveLength(1);
  await expect(resolver.txt('example.org', AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
});

test('answers literals, localhost and the hosts file by itself', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'postroad-hosts-'));
  opened.push(() => rm(directory, { recursive: true }));
  const file = join(directory, 'hosts');
  await writeFile(file, '# names\n192.0.2.9 Mail.Test mail # comment\n2001:db8::9 mail.test\nnonsense\n');
  const { resolver, dns } = await start({}, { hostsFile: file });
  expect(await resolver.addresses('192.0.2.1')).toEqual(['192.0.2.1']);
  expect(await resolver.addresses('[192.0.2.1]')).toEqual(['192.0.2.1']);
  expect(await resolver.addresses('[IPv6:2001:db8::1]')).toEqual(['2001:db8::1']);
  expect(await resolver.addresses('localhost')).toEqual(['127.0.0.1', '::1']);
  expect(await resolver.addresses('mail.test')).toEqual(['192.0.2.9', '2001:db8::9']);
  expect(await resolver.names('192.0.2.9')).toEqual(['mail.test', 'mail']);
  expect(await resolver.mx('[192.0.2.1]')).toEqual([]);
  expect(dns.questions).toEqual([]);
});

test('asks for international names by their A-labels', async () => {
  const { resolver } = await start({ 'xn--bcher-kva.example': { A: ['192.0.2.1'] } });
  expect(await resolver.addresses('bücher.example')).toEqual(['192.0.2.1']);
});

test('does not ask for what can not be a name', async () => {
  const { resolver, dns } = await start({});
  for (const name of ['', '.', 'a..b', 'x'.repeat(64), `${'x.'.repeat(130)}y`, 'a b']) {
    expect(await resolver.addresses(name)).toEqual([]);
  }
  expect(dns.questions).toEqual([]);
});

test('tells what a validating server on this machine vouches for', async () => {
  const certificate = Buffer.from('0123456789');
  const tlsa = { usage: 3, selector: 1, matchingType: 1, certificate };
  const zones: DnsZones = {
    '_25._tcp.mx.example.org': { TLSA: [tlsa], isAuthentic: true },
    'signed.example': { MX: [{ preference: 1, exchange: 'mx.example.org' }], isAuthentic: true },
    'plain.example': { MX: [{ preference: 1, exchange: 'mx.example.org' }] },
    'mx.example.org': { A: ['192.0.2.1'], isAuthentic: true },
  };
  const { resolver } = await start(zones);
  const found = await resolver.dnssec?.tlsa('_25._tcp.mx.example.org');
  expect(found?.isAuthentic).toBe(true);
  expect(found?.records).toMatchObject([{ usage: 3, selector: 1, matchingType: 1 }]);
  expect(Buffer.from(found?.records[0]?.certificate ?? []).equals(certificate)).toBe(true);
  expect((await resolver.dnssec?.mx('signed.example'))?.isAuthentic).toBe(true);
  expect((await resolver.dnssec?.mx('plain.example'))?.isAuthentic).toBe(false);
  expect(await resolver.dnssec?.addresses('mx.example.org')).toEqual({
    records: ['192.0.2.1'],
    isAuthentic: true,
  });
  const { resolver: distrustful } = await start(zones, { trustsServers: false });
  expect(distrustful.dnssec).toBeUndefined();
});
