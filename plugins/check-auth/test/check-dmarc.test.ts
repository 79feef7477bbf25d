import type { DkimResult, SpfResult } from '@postroad/core';
import { expect, test } from 'vitest';
import { checkDmarc, organizationalDomain } from '../src/worker/check-dmarc.js';
import { dnsError, textResolver } from './fixed-resolver.js';

const spf = (domain: string, result: SpfResult['result'] = 'pass'): SpfResult => ({
  result,
  domain,
  scope: 'mailfrom',
});
const dkim = (domain: string, result: DkimResult['result'] = 'pass'): DkimResult => ({
  result,
  domain,
  selector: 's',
  algorithm: 'rsa-sha256',
  isWhole: true,
});
interface Asked {
  readonly from?: readonly string[];
  readonly fromFields?: number;
  readonly spf?: SpfResult;
  readonly dkim?: readonly DkimResult[];
  readonly record?: string | Readonly<Record<string, string>>;
}
const ask = ({ record = 'v=DMARC1; p=reject', ...asked }: Asked) =>
  checkDmarc(
    { from: ['a@example.org'], fromFields: 1, spf: undefined, dkim: [], ...asked },
    textResolver(typeof record === 'string' ? { '_dmarc.example.org': record } : record),
  );

test('aligns by the registered domain, or by the very domain where the record is strict', async () => {
  const deep = { spf: spf('mail.example.org'), dkim: [dkim('news.example.org')] };
  expect(await ask(deep)).toMatchObject({ result: 'pass', isSpfAligned: true, isDkimAligned: true });
  expect(await ask({ ...deep, record: 'v=DMARC1; p=reject; aspf=s; adkim=s' })).toMatchObject({
    result: 'fail',
    policy: 'reject',
  });
  expect(await ask({ spf: spf('example.org'), record: 'v=DMARC1; p=reject; aspf=s' })).toMatchObject({
    result: 'pass',
  });
  expect(await ask({ spf: spf('example.net'), dkim: [dkim('org')] })).toMatchObject({ result: 'fail' });
});

test('public suffixes do not stand behind each other', async () => {
  expect(organizationalDomain('a.b.example.co.uk')).toBe('example.co.uk');
  expect(organizationalDomain('alice.github.io')).toBe('alice.github.io');
  expect(organizationalDomain('co.uk')).toBe('co.uk');
  const record = { '_dmarc.alice.github.io': 'v=DMARC1; p=reject' };
  expect(await ask({ from: ['x@alice.github.io'], spf: spf('mallory.github.io'), record })).toMatchObject({
    result: 'fail',
  });
});

test('a subdomain is judged by sp= of its registered domain, or by a record of its own', async () => {
  const record = { '_dmarc.example.org': 'v=DMARC1; p=reject; sp=quarantine' };
  expect(await ask({ from: ['a@sub.example.org'], record })).toMatchObject({ policy: 'quarantine' });
  const own = { ...record, '_dmarc.sub.example.org': 'v=DMARC1; p=none' };
  expect(await ask({ from: ['a@sub.example.org'], record: own })).toMatchObject({ policy: 'none' });
});

test('records that are none, two, or without a policy', async () => {
  expect((await ask({ record: {} })).result).toBe('none');
  expect((await ask({ record: 'v=DMARC2; p=reject' })).result).toBe('none');
  expect((await ask({ record: 'v=DMARC1; p=whatever' })).result).toBe('none');
  expect(await ask({ record: 'v=DMARC1; p=whatever; rua=mailto:a@example.org' })).toMatchObject({
    policy: 'none',
  });
  expect(await ask({ record: 'v=DMARC1; p=reject; pct=20' })).toMatchObject({ percentage: 20 });
  expect(await ask({ record: 'v=DMARC1; p=reject; pct=lots' })).toMatchObject({ percentage: 100 });
});

test('what may mend is a temperror: the record, and what the domain itself needs to pass', async () => {
  const down = await checkDmarc(
    { from: ['a@example.org'], fromFields: 1, spf: undefined, dkim: [] },
    async () => {
      throw dnsError('ETIMEOUT');
    },
  );
  expect(down.result).toBe('temperror');
  expect((await ask({ spf: spf('example.org', 'temperror') })).result).toBe('temperror');
  expect((await ask({ dkim: [dkim('example.org', 'temperror')] })).result).toBe('temperror');
  expect((await ask({ dkim: [dkim('other.example', 'temperror')] })).result).toBe('fail');
  expect((await ask({ spf: spf('example.org', 'temperror'), dkim: [dkim('example.org')] })).result).toBe(
    'pass',
  );
});

test('nobody can say who a message without exactly one From is from', async () => {
  const passing = { spf: spf('example.org') };
  expect((await ask({ ...passing, fromFields: 0, from: [] })).result).toBe('permerror');
  expect((await ask({ ...passing, fromFields: 2 })).result).toBe('permerror');
  expect((await ask({ ...passing, from: ['a@example.org', 'b@bank.example'] })).result).toBe('permerror');
  expect((await ask({ ...passing, from: ['a@example.org', 'b@EXAMPLE.org'] })).result).toBe('pass');
});
