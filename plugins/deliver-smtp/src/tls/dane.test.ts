import { createHash, type X509Certificate } from 'node:crypto';
import type { TlsaRecord } from '@postroad/core';
import { describe, expect, test } from 'vitest';
import { isDaneMatch, usableTlsa } from './dane.js';

type Changes = Partial<Record<keyof X509Certificate, unknown>>;

/** A certificate of which each property can be another: no authority would sign what is tried here. */
function certificate(name: string, changes: Changes = {}): X509Certificate {
  return {
    raw: Buffer.from(name),
    fingerprint256: name,
    ca: name !== 'leaf',
    validFrom: 'Jan  1 00:00:00 2029 GMT',
    validTo: 'Jan  1 00:00:00 2031 GMT',
    checkHost: (host: string) => (host === 'mx.example.net' ? host : undefined),
    checkIssued: () => true,
    verify: () => true,
    ...changes,
  } as unknown as X509Certificate;
}

const nowMs = Date.UTC(2030, 0, 1);
const recordOf = (name: string, usage = 2): TlsaRecord => ({
  usage,
  selector: 0,
  matchingType: 1,
  certificate: createHash('sha256').update(name).digest(),
});

/** A chain of three whose last is the anchor. */
function isTaken(
  changes: { readonly leaf?: Changes; readonly middle?: Changes; readonly anchor?: Changes } = {},
  host = 'mx.example.net',
): boolean {
  const anchor = certificate('anchor', changes.anchor);
  const middle = certificate('middle', { issuerCertificate: anchor, ...changes.middle });
  const leaf = certificate('leaf', { issuerCertificate: middle, ...changes.leaf });
  return isDaneMatch(leaf, [recordOf('anchor')], [host], nowMs);
}

describe('an authority that TLSA records name', () => {
  test('vouches for what it signed, through others', () => {
    expect(isTaken()).toBe(true);
  });

  const not = () => false;
  test.each([
    ['has not issued the next', { middle: { checkIssued: not } }],
    ['has not signed the next', { middle: { verify: not } }],
    ['may not sign', { anchor: { ca: false } }],
    ['is over', { anchor: { validTo: 'Dec 31 00:00:00 2029 GMT' } }],
    ['has signed one who has not signed the server', { leaf: { verify: not } }],
    ['has signed one who has not issued the server', { leaf: { checkIssued: not } }],
    ['has signed one who may not sign', { middle: { ca: false } }],
    ['has signed what is over', { leaf: { validTo: 'Dec 31 00:00:00 2029 GMT' } }],
    ['has signed what is not valid yet', { leaf: { validFrom: 'Jan  2 00:00:00 2030 GMT' } }],
    ['is not there', { middle: { issuerCertificate: undefined } }],
  ])('vouches for nothing when it %s', (_name, changes) => {
    expect(isTaken(changes)).toBe(false);
  });

  test('vouches for the names of the server only, and is no server', () => {
    expect(isTaken({}, 'other.example.net')).toBe(false);
    // A key of the server itself is another usage.
    expect(isDaneMatch(certificate('leaf'), [recordOf('leaf')], ['mx.example.net'], nowMs)).toBe(false);
    const old = certificate('leaf', { validTo: 'Dec 31 00:00:00 2029 GMT' });
    expect(isDaneMatch(old, [recordOf('leaf', 3)], [], nowMs)).toBe(true);
  });
});

test('records that nobody knows how to read are as if they were not there', () => {
  const record = recordOf('x', 3);
  const others = [{ usage: 0 }, { usage: 1 }, { usage: 4 }, { selector: 2 }, { matchingType: 3 }];
  expect(usableTlsa(others.map((one) => ({ ...record, ...one })))).toEqual([]);
  expect(usableTlsa([record])).toEqual([record]);
});
