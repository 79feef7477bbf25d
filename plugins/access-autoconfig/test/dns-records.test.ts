/** The records that a domain wants in DNS, and what is said of those that are there. */
import { createResolver, systemClock } from '@postroad/core';
import { createSeededRandom, type DnsServer, startDnsServer } from '@postroad/core/testing';
import { expect, test } from 'vitest';
import { type CheckedRecord, checkRecords } from '../src/check-records.js';
import { type WantedRecord, wantedRecords } from '../src/dns-records.js';
import { stsPolicy, stsRecord } from '../src/mta-sts.js';
import { config } from '../src/options.js';

const options = {
  domains: ['example.org'],
  mtaSts: { mode: 'enforce' as const },
  tlsReports: 'tls@example.org',
};

const records = (): readonly WantedRecord[] =>
  wantedRecords({
    domain: 'example.org',
    host: 'mail.example.org',
    offers: [
      { protocol: 'imap', port: 993, tls: 'implicit' },
      { protocol: 'submission', port: 465, tls: 'implicit' },
    ],
    keys: [{ name: 's._domainkey.example.org', text: 'v=DKIM1; k=rsa; p=AAAA', state: 'signing' }],
    config: config.parse(options),
  });

test('every record stands there once, and what is not offered is said so', () => {
  const lines = records().map(({ name, type, value }) => `${name} ${type} ${value}`);
  expect(lines).toContain('example.org MX 10 mail.example.org');
  expect(lines).toContain('_imaps._tcp.example.org SRV 0 1 993 mail.example.org');
  expect(lines).toContain('_pop3s._tcp.example.org SRV 0 0 0 .');
  expect(lines).toContain('_smtp._tls.example.org TXT v=TLSRPTv1; rua=mailto:tls@example.org');
  expect(new Set(lines).size).toBe(lines.length);
});

test('says of each record whether it is there', async () => {
  const wanted = records();
  const at = (part: string) => wanted.find(({ name, type }) => `${type} ${name}` === part)?.value ?? '';
  const dns: DnsServer = await startDnsServer({
    'example.org': {
      MX: [{ preference: 10, exchange: 'mail.example.org' }],
      TXT: ['something=else', 'v=spf1 -all'],
    },
    's._domainkey.example.org': { TXT: ['v=DKIM1;k=rsa;p=AAAA'] },
    '_mta-sts.example.org': { TXT: [at('TXT _mta-sts.example.org')] },
    '_dmarc.example.org': 'servfail',
    'mail.example.org': { A: ['192.0.2.1'] },
    'autoconfig.example.org': { CNAME: 'mail.example.org' },
    'autodiscover.example.org': { A: ['192.0.2.9'] },
    '_imaps._tcp.example.org': { SRV: [{ priority: 0, weight: 1, port: 993, target: 'mail.example.org' }] },
    '_submissions._tcp.example.org': {
      SRV: [{ priority: 0, weight: 1, port: 4_650, target: 'mail.example.org' }],
    },
  });
  const resolver = createResolver({
    servers: [dns.address],
    clock: systemClock,
    random: createSeededRandom(1),
    hostsFile: false,
  });
  const checked = await checkRecords(wanted, resolver);
  await dns.close();
  const states = Object.fromEntries(
    checked.map(({ name, type, state }: CheckedRecord) => [`${type} ${name}`, state]),
  );
  expect(states).toMatchObject({
    'MX example.org': 'ok',
    'TXT example.org': 'different',
    'TXT s._domainkey.example.org': 'ok',
    'TXT _mta-sts.example.org': 'ok',
    'TXT _dmarc.example.org': 'unknown',
    'TXT _smtp._tls.example.org': 'missing',
    'CNAME autoconfig.example.org': 'ok',
    'CNAME autodiscover.example.org': 'different',
    'CNAME mta-sts.example.org': 'missing',
    'SRV _imaps._tcp.example.org': 'ok',
    'SRV _submissions._tcp.example.org': 'different',
    'SRV _pop3s._tcp.example.org': 'ok',
  });
  expect(checked.find(({ name }) => name === '_submissions._tcp.example.org')?.found).toBe(
    '0 1 4650 mail.example.org',
  );
});

test('two records of one kind are none, and a key in other letters is another', async () => {
  const wanted = records().filter(({ type }) => type === 'TXT');
  const checkWith = async (change: (value: string) => readonly string[]) => {
    const texts = new Map(wanted.map(({ name, value }) => [name, change(value)]));
    const none = async () => [];
    const txt = async (name: string) => texts.get(name) ?? [];
    const checked = await checkRecords(wanted, { mx: none, addresses: none, names: none, txt });
    return checked.map(({ name, state }) => `${state} ${name.split('.')[0]}`);
  };
  const as = (state: string) => wanted.map(({ name }) => `${state} ${name.split('.')[0]}`);
  expect(await checkWith((value) => [value])).toEqual(as('ok'));
  expect(await checkWith((value) => [value, value])).toEqual(as('different'));
  expect(await checkWith((value) => [value.toLowerCase()])).toEqual(
    as('ok').map((line) => (line === 'ok s' ? 'different s' : line)),
  );
});

test('the id of the policy changes with it', () => {
  const policy = stsPolicy({ mode: 'testing', maxAgeSeconds: 86_400 }, 'a.example');
  expect(stsRecord(policy)).toMatch(/^v=STSv1; id=[0-9a-f]{32};$/);
  expect(stsRecord(policy)).not.toBe(
    stsRecord(stsPolicy({ mode: 'enforce', maxAgeSeconds: 86_400 }, 'a.example')),
  );
});
