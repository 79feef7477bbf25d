import { expect, test } from 'vitest';
import { formatAuthenticationResults, parseAuthenticationResults } from './authentication-results.js';
import { headerField } from './header.js';

test('writes what it reads', () => {
  const results = [
    { method: 'spf', result: 'pass', properties: { 'smtp.mailfrom': 'a@example.org' } },
    { method: 'dkim', result: 'fail', properties: { 'header.d': 'example.org', 'header.b': 'ab/cd+e=' } },
  ];
  const value = formatAuthenticationResults('mx.test', [
    { ...results[0], comment: 'a (nested) \\ one; with=all' },
    results[1],
  ] as typeof results);
  expect(parseAuthenticationResults(value)).toEqual({ authservId: 'mx.test', results });
  expect(formatAuthenticationResults('mx.test', [])).toBe('mx.test; none');
});

test('what strangers say can not end the field or the result', () => {
  const evil = 'x\r\nBcc: y; dmarc=pass "quoted" (a';
  const value = formatAuthenticationResults('mx.test', [
    { method: 'spf', result: 'fail', comment: evil, properties: { 'smtp.mailfrom': evil } },
  ]);
  expect(() => headerField('Authentication-Results', value)).not.toThrow();
  expect(parseAuthenticationResults(value)?.results).toEqual([
    { method: 'spf', result: 'fail', properties: { 'smtp.mailfrom': 'x Bcc: y; dmarc=pass "quoted" (a' } },
  ]);
});

test('reads what others write, and gives up on what is nothing', () => {
  const parse = (text: string) => parseAuthenticationResults(text)?.authservId;
  expect(parse('example.org 1; none')).toBe('example.org');
  expect(parse('"Example.org" ; (c) spf=pass')).toBe('example.org');
  expect(parse('(c (d) e) example.org; none')).toBe('example.org');
  expect(parse('')).toBeUndefined();
  expect(parse('; spf=pass')).toBeUndefined();
  expect(parse('(unclosed example.org; none')).toBeUndefined();
});

test('a field of a million semicolons is read in no time and without end to it', () => {
  expect(parseAuthenticationResults(`a${';spf=pass'.repeat(1_000_000)}`)?.results.length).toBeLessThanOrEqual(
    100,
  );
  expect(parseAuthenticationResults('('.repeat(1_000_000))).toBeUndefined();
  expect(parseAuthenticationResults(`a; spf=pass smtp.mailfrom="${'\\"'.repeat(40_000)}`)?.authservId).toBe(
    'a',
  );
});
