import { type MailAddress, parseAddress } from '@postroad/core';
import { expect, test } from 'vitest';
import { readReturnPath, returnPathFor } from './return-path.js';
import { reportFromText } from './text-report.js';

const options = { domain: 'returns.example.org', secret: 'a secret of some length', days: 14 };
const day = 86_400_000;
const nowMs = Date.UTC(2026, 10, 28);
const at = (text: string) => parseAddress(text) as MailAddress;

test('a path gives its recipient back, in whatever case it returns', () => {
  const path = returnPathFor(at('Bob.O@Example.net'), nowMs, options) as MailAddress;
  expect(path.domain).toBe('returns.example.org');
  expect(path.localPart).toMatch(/^b\+[a-z0-9]{4}[a-z2-7]{10}=bob\.o=example\.net$/);
  const back = { ...path, localPart: path.localPart.toUpperCase() };
  expect(readReturnPath(back, nowMs + 14 * day, options)).toEqual({ recipient: at('bob.o@example.net') });
});

test('a path of somebody else, of another time or with another recipient does not count', () => {
  const path = returnPathFor(at('bob@example.net'), nowMs, options) as MailAddress;
  const changed = (from: string, to: string) => ({ ...path, localPart: path.localPart.replace(from, to) });
  expect(readReturnPath(changed('bob', 'eve'), nowMs, options)).toEqual({ refused: 'forged' });
  expect(readReturnPath(path, nowMs, { ...options, secret: 'another secret, as long' })).toEqual({
    refused: 'forged',
  });
  expect(readReturnPath(path, nowMs + 15 * day, options)).toEqual({ refused: 'expired' });
  expect(readReturnPath(path, nowMs - 2 * day, options)).toEqual({ refused: 'expired' });
  expect(readReturnPath(at('b+x=y=z@returns.example.org'), nowMs, options)).toBeUndefined();
  expect(readReturnPath({ ...path, domain: 'example.org' }, nowMs, options)).toBeUndefined();
});

test('an address that would not come back whole gets no path', () => {
  expect(returnPathFor(at('"a b"@example.net'), nowMs, options)).toBeUndefined();
  expect(returnPathFor(at('bøb@example.net'), nowMs, options)).toBeUndefined();
  expect(returnPathFor(at(`${'x'.repeat(60)}@example.net`), nowMs, options)).toBeUndefined();
  // An equals sign in the local part is told from the one before the domain.
  const odd = returnPathFor(at('a=b@example.net'), nowMs, options) as MailAddress;
  expect(readReturnPath(odd, nowMs, options)).toEqual({ recipient: at('a=b@example.net') });
});

test('a bounce in words is read up to the message that it quotes', () => {
  const bob = at('bob@example.net');
  const words = (text: string) =>
    reportFromText(`Subject: failure 550 5.1.1\r\n\r\n${text}`, bob)?.recipients[0];
  expect(words('Hi.\r\n<bob@example.net>:\r\nRemote said: 550 5.1.1 no such user\r\n')).toMatchObject({
    isHard: true,
    bounceClass: 'address',
    reply: { code: 550, detail: '1.1' },
  });
  expect(words('failed: #4.2.2 mailbox full')).toMatchObject({ action: 'delayed', bounceClass: 'quota' });
  expect(words('I am on holiday until 2027')).toBeUndefined();
  expect(words('sorry\r\n--- Below this line is a copy of the message.\r\n550 5.1.1 x')).toBeUndefined();
});
