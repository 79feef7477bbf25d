/** Records that ask without end, or for nothing (RFC 7208 section 4.6.4). */
import { expect, test } from 'vitest';
import { checkMessage } from '../src/worker/check-message.js';
import type { MailauthResolver } from '../src/worker/mailauth.js';
import type { JobFacts } from '../src/worker/protocol.js';
import { dnsError } from './fixed-resolver.js';

const facts: JobFacts = {
  hostname: 'mx.test',
  remoteAddress: '192.0.2.1',
  helloName: 'client.test',
  sender: 'a@example.org',
  nowMs: 1_700_000_000_000,
  checks: ['spf'],
  limits: { signaturesMax: 8, rsaBitsMin: 1_024, spfLookupsMax: 10, spfVoidLookupsMax: 2, questionsMax: 100 },
  trustedSealers: [],
};

async function* message(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('From: a@example.org\r\n\r\nx\r\n');
}

/** What SPF says, and the names that were asked for. */
async function spfOf(resolver: MailauthResolver, limits: Partial<JobFacts['limits']> = {}) {
  const asked: string[] = [];
  const counting: MailauthResolver = (name, type) => {
    asked.push(`${type} ${name}`);
    return resolver(name, type);
  };
  const { spf } = await checkMessage(
    { ...facts, limits: { ...facts.limits, ...limits } },
    message(),
    counting,
  );
  return { result: spf?.result, asked };
}

test('a record with a million includes, each with as many, ends at the tenth look-up', async () => {
  let made = 0;
  const endless: MailauthResolver = async (_name, type) => {
    if (type !== 'TXT') throw dnsError('ENOTFOUND');
    const includes = Array.from({ length: 1_000 }, () => `include:n${made++}.example.org`);
    return [[`v=spf1 ${includes.join(' ')} -all`]];
  };
  const { result, asked } = await spfOf(endless);
  expect(result).toBe('permerror');
  expect(asked.length).toBeLessThanOrEqual(12);
});

test('a record that includes itself, and two that redirect to each other', async () => {
  const self: MailauthResolver = async () => [['v=spf1 include:example.org -all']];
  expect((await spfOf(self)).result).toBe('permerror');
  const circle: MailauthResolver = async (name) => [
    [`v=spf1 redirect=${name === 'example.org' ? 'b.example' : 'example.org'}`],
  ];
  const { result, asked } = await spfOf(circle);
  expect(result).toBe('permerror');
  expect(asked.length).toBeLessThanOrEqual(12);
});

test('a record as long as DNS can have is read once and judged', async () => {
  const long: MailauthResolver = async (name, type) => {
    if (name !== 'example.org' || type !== 'TXT') throw dnsError('ENOTFOUND');
    return [[`v=spf1 ${'ip4:198.51.100.1 '.repeat(3_800)}-all`]];
  };
  const { result, asked } = await spfOf(long);
  expect(['fail', 'permerror']).toContain(result);
  expect(asked).toHaveLength(1);
});

const namesOf = (asked: readonly string[]) => [...new Set(asked.map((one) => one.split(' ')[1] ?? ''))];

const voids =
  (count: number, code: string): MailauthResolver =>
  async (name, type) => {
    if (name === 'example.org' && type === 'TXT') {
      const names = Array.from({ length: count }, (_, at) => `a:void${at}.example.org`);
      return [[`v=spf1 ${names.join(' ')} ip4:192.0.2.1 -all`]];
    }
    throw dnsError(code);
  };

test.each(['ENOTFOUND', 'ENODATA'])(
  'two look-ups without an answer (%s) are borne, a third is not',
  async (code) => {
    expect((await spfOf(voids(2, code))).result).toBe('pass');
    const { result, asked } = await spfOf(voids(8, code));
    expect(result).toBe('permerror');
    // Nothing is asked behind the third.
    expect(namesOf(asked).filter((name) => name.startsWith('void')).length).toBeLessThanOrEqual(3);
    expect((await spfOf(voids(3, code), { spfVoidLookupsMax: 3 })).result).toBe('pass');
  },
);

test('a look-up that fails for now is none without an answer: it may mend', async () => {
  for (const code of ['ETIMEOUT', 'ESERVFAIL'])
    expect((await spfOf(voids(1, code))).result).toBe('temperror');
});

test('a name with a hundred mail exchangers, or macros that grow, is not followed', async () => {
  const manyHosts: MailauthResolver = async (name, type) => {
    if (type === 'TXT' && name === 'example.org') return [['v=spf1 mx -all']];
    if (type === 'MX')
      return Array.from({ length: 100 }, (_, at) => ({ exchange: `mx${at}.example.org`, priority: 1 }));
    return ['198.51.100.1'];
  };
  const many = await spfOf(manyHosts);
  expect(many.result).toBe('permerror');
  expect(namesOf(many.asked).filter((name) => name.startsWith('mx')).length).toBeLessThanOrEqual(10);
  const growing: MailauthResolver = async (name, type) => {
    if (type !== 'TXT' || name.length > 250) throw dnsError('ENOTFOUND');
    return [['v=spf1 include:%{d}.%{d}.example.org -all']];
  };
  const { result, asked } = await spfOf(growing);
  expect(result).toBe('permerror');
  expect(asked.every((one) => one.length < 300)).toBe(true);
});
