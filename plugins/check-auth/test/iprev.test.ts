/** Who names its address after somebody else proves nothing by it (RFC 8601 section 3). */
import { MailError } from '@postroad/core';
import { expect, test } from 'vitest';
import { checkIprev } from '../src/check-iprev.js';
import { type FixedNames, fixedResolver } from './fixed-resolver.js';

const down: FixedNames = { names: { '192.0.2.9': ['mx.example'] }, addresses: {} };

test.each<[string, FixedNames, object]>([
  [
    'a name that leads back',
    { names: { '192.0.2.9': ['other.example', 'mx.example'] }, addresses: { 'mx.example': ['192.0.2.9'] } },
    { result: 'pass', name: 'mx.example' },
  ],
  [
    'a name that leads to somebody else',
    { names: { '192.0.2.9': ['mx.bank.example'] }, addresses: { 'mx.bank.example': ['198.51.100.1'] } },
    { result: 'fail' },
  ],
  ['a name that leads nowhere', down, { result: 'fail' }],
  ['no name', {}, { result: 'permerror' }],
])('%s', async (_what, names, expected) => {
  expect(await checkIprev(fixedResolver(names), '192.0.2.9', new AbortController().signal)).toEqual(expected);
});

test('of a thousand names only the first ten are followed, and DNS that is down is no proof of a lie', async () => {
  const many = Array.from({ length: 1_000 }, (_, at) => `n${at}.example`);
  const resolver = fixedResolver({
    names: { '192.0.2.9': many },
    addresses: { 'n10.example': ['192.0.2.9'] },
  });
  const { signal } = new AbortController();
  expect(await checkIprev(resolver, '192.0.2.9', signal)).toEqual({ result: 'fail' });
  expect(resolver.asked.filter((one) => one.startsWith('A '))).toHaveLength(10);
  const unsure = fixedResolver({ names: { '192.0.2.9': ['mx.example'] } });
  unsure.addresses = async () => {
    throw new MailError('E_DNS', 'down');
  };
  expect(await checkIprev(unsure, '192.0.2.9', signal)).toEqual({ result: 'temperror' });
});
