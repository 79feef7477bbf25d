import { expect, test } from 'vitest';
import { isStsHost, parseStsPolicy, parseStsRecord } from './mta-sts-policy.js';

test('a domain announces one policy, or none', () => {
  expect(parseStsRecord(['v=spf1 -all', 'v=STSv1; id=20260101T0000;'])).toBe('20260101T0000');
  // RFC 8461 section 3.1: with two of them neither counts.
  expect(parseStsRecord(['v=STSv1; id=1;', 'v=STSv1; id=2;'])).toBeUndefined();
  expect(parseStsRecord(['v=STSv10; id=1;', 'v=STSv1; id=;', 'id=1; v=STSv1'])).toBeUndefined();
});

test('a policy without servers, or of another kind, is none', () => {
  const text = (mode: string, mx = 'mx: mx.example.net\n') =>
    `version: STSv1\r\nmode: ${mode}\n${mx}max_age: 9999999999\n`;
  // A year at the most (section 3.2).
  expect(parseStsPolicy(text('enforce'))).toEqual({
    mode: 'enforce',
    mx: ['mx.example.net'],
    maxAgeMs: 31_557_600_000,
  });
  expect(parseStsPolicy(text('none', ''))?.mode).toBe('none');
  for (const wrong of [
    text('enforce', ''),
    text('testing', ''),
    text('other'),
    text('enforce').replace('9999999999', '-1'),
    text('enforce').replace('STSv1', 'STSv2'),
    '<html></html>',
  ]) {
    expect(parseStsPolicy(wrong)).toBeUndefined();
  }
});

test('a wildcard stands for one label', () => {
  const policy = { mode: 'enforce', mx: ['*.example.net', 'mx.example.org'], maxAgeMs: 1 } as const;
  expect(isStsHost(policy, 'MX1.example.net')).toBe(true);
  expect(isStsHost(policy, 'mx.example.org')).toBe(true);
  for (const host of ['a.b.example.net', 'example.net', 'xexample.net', 'a.mx.example.org']) {
    expect(isStsHost(policy, host)).toBe(false);
  }
});
