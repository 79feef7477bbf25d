/** Names and macros that the suite does not ask about. */
import { expect, test } from 'vitest';
import { checkSpf } from '../src/worker/check-spf.js';
import type { MailauthResolver } from '../src/worker/mailauth.js';
import { isWithin } from '../src/worker/spf/addresses.js';
import { parseSpfRecord } from '../src/worker/spf/parse-record.js';
import { dnsError } from './fixed-resolver.js';

const limits = {
  signaturesMax: 8,
  rsaBitsMin: 1_024,
  spfLookupsMax: 10,
  spfVoidLookupsMax: 2,
  questionsMax: 99,
};

interface Asked {
  readonly remoteAddress?: string;
  readonly sender?: string;
  readonly helloName?: string;
}

/** The result for a record of example.org, and what was asked for. */
async function spfOf(
  record: string,
  records: Readonly<Record<string, readonly unknown[]>>,
  facts: Asked = {},
) {
  const asked: string[] = [];
  const resolver: MailauthResolver = async (name, type) => {
    asked.push(`${type} ${name}`);
    const found = `${type} ${name}` === 'TXT example.org' ? [[record]] : records[`${type} ${name}`];
    if (found === undefined) throw dnsError('ENOTFOUND');
    return found;
  };
  const { result } = await checkSpf(
    {
      ...{
        hostname: 'mx.test',
        remoteAddress: '192.0.2.1',
        helloName: 'client.test',
        sender: 'ann@example.org',
      },
      ...{ nowMs: 0, checks: ['spf'], limits, trustedSealers: [] },
      ...facts,
    },
    resolver,
  );
  return { result, asked };
}

test('the address of the client is told in every form, and compared in every spelling', async () => {
  const six = { remoteAddress: '2001:db8::1' };
  const name = `${'1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2'}.ip6.x.example`;
  const record = 'v=spf1 exists:%{ir}.%{v}.x.example -all';
  expect(await spfOf(record, { [`A ${name}`]: ['127.0.0.2'] }, six)).toMatchObject({ result: 'pass' });
  const a = 'v=spf1 a -all';
  expect((await spfOf(a, { 'AAAA example.org': ['2001:DB8:0:0::1'] }, six)).result).toBe('pass');
  expect(
    (await spfOf(a, { 'A example.org': ['192.0.2.1'] }, { remoteAddress: '::ffff:192.0.2.1' })).result,
  ).toBe('pass');
  expect((await spfOf('v=spf1 ip6:::ffff:192.0.2.1 -all', {})).result).toBe('fail');
  expect((await spfOf('v=spf1 a -all', {}, { remoteAddress: '' })).result).toBe('none');
});

test('a name with other letters is asked for in A-labels, and a local part with them matches nothing', async () => {
  const resolved = await spfOf(
    'v=spf1 a:%{h} -all',
    { 'A xn--bcher-kva.example': ['192.0.2.1'] },
    {
      helloName: 'bücher.example',
    },
  );
  expect(resolved.result).toBe('pass');
  const local = await spfOf('v=spf1 exists:%{l}.x.example -all', {}, { sender: 'jörg x@example.org' });
  expect(local.result).toBe('fail');
  const plain = await spfOf('v=spf1 exists:%{l}.x.example -all', { 'A ann.x.example': ['127.0.0.2'] });
  expect(plain.result).toBe('pass');
});

test('a capital letter asks for what a URL can have, and delimiters and digits cut', async () => {
  const sender = 'a-b+c d@example.org';
  for (const [macro, name] of [
    ['%{L}', 'a-b%2Bc%20d'],
    ['%{l1r-}', 'a'],
    ['%{l-+}', 'a.b.c d'],
    ['%{l1-+}', 'c d'],
    ['%{d1}%%%_%-', 'org% %20'],
    ['%{o99}', 'example.org'],
  ]) {
    const { result, asked } = await spfOf(
      `v=spf1 exists:${macro}.x.example -all`,
      { [`A ${name}.x.example`]: ['127.0.0.2'] },
      { sender },
    );
    expect(result, `${macro}: ${asked.at(-1)}`).toBe('pass');
  }
});

test('an address is no name that exists, and a name that can be none is not asked for', async () => {
  for (const [record, helloName] of [
    ['v=spf1 exists:%{i} -all', 'client.test'],
    ['v=spf1 a:%{h} -all', '192.0.2.1'],
    ['v=spf1 a:%{h} -all', '[192.0.2.1]'],
    ['v=spf1 mx:%{h} -all', 'one'],
    ['v=spf1 a:%{h} -all', 'a..example'],
    [`v=spf1 a:%{h} -all`, `${'x'.repeat(64)}.example`],
  ] as const) {
    const all = { 'A 192.0.2.1': ['192.0.2.1'], 'A one': ['192.0.2.1'] };
    const { result, asked } = await spfOf(record, all, { helloName });
    expect(`${record} ${helloName} ${result}`).toMatch(/ fail$/);
    expect(asked).toEqual(['TXT example.org']);
  }
  const long = `${'a.'.repeat(120)}b.c.example.org`;
  const { asked } = await spfOf(`v=spf1 exists:%{l}.x.example -all`, {}, { sender: `${long}@example.org` });
  expect(asked[1]).toMatch(/^A (?:a\.)+b\.c\.example\.org\.x\.example$/);
  expect(asked[1]?.length).toBeLessThanOrEqual(2 + 253);
});

test('a host with an address of the other kind alone is no look-up for nothing', async () => {
  const record = 'v=spf1 a:a.example a:b.example a:c.example ip4:192.0.2.1 -all';
  const six = { 'AAAA a.example': ['2001:db8::1'], 'AAAA b.example': ['2001:db8::1'] };
  expect((await spfOf(record, six)).result).toBe('pass');
  expect((await spfOf(record, {})).result).toBe('permerror');
});

test('the names of the client are asked for once, count once, and ten at most', async () => {
  const names = Array.from({ length: 30 }, (_, at) => `n${at}.example`);
  const record = `v=spf1 ${'exists:%{p}.x.example '.repeat(2)}ptr:y.example -all`;
  const { result, asked } = await spfOf(record, {
    'PTR 1.2.0.192.in-addr.arpa': names,
    'A n3.example': ['192.0.2.1'],
  });
  expect(result).toBe('fail');
  expect(asked).toContain('A n3.example.x.example');
  expect(asked.filter((one) => /^A n\d+\.example$/.test(one))).toHaveLength(10);
  expect((await spfOf(`v=spf1 ${'exists:%{p}.example.org '.repeat(10)}-all`, {})).result).toBe('permerror');
});

test('a record is refused in no time, however it is made', () => {
  for (const term of [
    `a:x.${'a'.repeat(60_000)}!`,
    `a:x.${'a-'.repeat(30_000)}`,
    `include:${'%{d}'.repeat(15_000)}!`,
    `include:${'%{'.repeat(30_000)}`,
    `exists:%{l${'9'.repeat(60_000)}`,
    `mx${'/1'.repeat(30_000)}!`,
    `x${'-'.repeat(60_000)}`,
  ])
    expect(parseSpfRecord(`v=spf1 ${term} -all`)).toMatch(/^not a mechanism: .{1,60}$/);
});

test.each([
  ['192.0.2.1', '192.0.2.1', 32, true],
  ['192.0.2.1', '192.0.2.0', 31, true],
  ['192.0.2.2', '192.0.2.1', 31, false],
  ['192.0.2.200', '192.0.2.128', 25, true],
  ['192.0.2.127', '192.0.2.128', 25, false],
  ['255.255.255.255', '0.0.0.0', 0, true],
  ['128.0.0.1', '127.0.0.1', 1, false],
  ['2001:db8::1', '2001:0DB8:0:0:0:0:0:1', 128, true],
  ['2001:db8::2', '2001:db8::1', 127, false],
  ['2001:db8::3', '2001:db8::2', 127, true],
  ['2001:dbf::1', '2001:db8::', 29, true],
  ['2001:dc0::1', '2001:db8::', 29, false],
  ['::ffff:0:1', '::ffff:0.0.0.1', 128, true],
  ['fe80::1', '::', 0, true],
  ['192.0.2.1', '::ffff:192.0.2.1', 128, false],
  ['2001:db8::1', '192.0.2.1', 0, false],
] as const)('%s and %s/%d', (client, address, bits, isIn) => {
  expect(isWithin(client, [address], { prefix4: bits, prefix6: bits })).toBe(isIn);
});
