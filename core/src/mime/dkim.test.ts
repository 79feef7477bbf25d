import { createHash, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { createDkimBodyHash, type DkimCanonicalization } from './dkim-body-hash.js';
import { canonicalField, selectFields, signedFields } from './dkim-header.js';
import { signField } from './dkim-sign.js';

const sha256 = (text: string) => createHash('sha256').update(text, 'latin1').digest('base64');

function hashOf(text: string, canonicalization: DkimCanonicalization, size = text.length): string {
  const hash = createDkimBodyHash(canonicalization);
  const octets = Buffer.from(text, 'latin1');
  for (let at = 0; at < octets.length; at += Math.max(1, size))
    hash.update(octets.subarray(at, at + Math.max(1, size)));
  return hash.digest();
}

test('bodies in canonical form, as RFC 6376 section 3.4 has them', () => {
  const body = ' C \r\nD \t E\r\n\r\n\r\n';
  expect(hashOf(body, 'relaxed')).toBe(sha256(' C\r\nD E\r\n'));
  expect(hashOf(body, 'simple')).toBe(sha256(' C \r\nD \t E\r\n'));
  expect(hashOf('', 'simple')).toBe('frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=');
  expect(hashOf('', 'relaxed')).toBe('47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=');
  expect(hashOf('\r\n\r\n', 'relaxed')).toBe(sha256(''));
  expect(hashOf(' \t\r\n \r\n', 'relaxed')).toBe(sha256(''));
  expect(hashOf('a', 'relaxed')).toBe(sha256('a\r\n'));
  expect(hashOf('a', 'simple')).toBe(sha256('a\r\n'));
  expect(hashOf('\r\n\r\na\r\n', 'relaxed')).toBe(sha256('\r\n\r\na\r\n'));
});

/** The rules once more, over the whole text at once. */
function canonicalBody(text: string, canonicalization: DkimCanonicalization): string {
  const lines =
    canonicalization === 'simple' ? text : text.replace(/[ \t]+(?=\r\n|$)/g, '').replace(/[ \t]+/g, ' ');
  const cut = lines.replace(/(?:\r\n)*$/, '');
  if (cut === '') return canonicalization === 'simple' ? '\r\n' : '';
  return `${cut}\r\n`;
}

test('is the same in pieces of any size', () => {
  const piece = fc.constantFrom('a', 'bc', ' ', '\t', '\r\n', '\r\n\r\n', '\u00ff');
  void fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), fc.integer({ min: 1, max: 7 }), (pieces, size) => {
      const text = pieces.join('');
      for (const way of ['simple', 'relaxed'] as const) {
        expect(hashOf(text, way, size)).toBe(sha256(canonicalBody(text, way)));
      }
    }),
  );
});

test('fields in canonical form, and oversigned', () => {
  expect(canonicalField('SUBJect :  a \t b\r\n\t c \r\n', 'relaxed')).toBe('subject:a b c\r\n');
  expect(canonicalField('SUBJect :  a\r\n', 'simple')).toBe('SUBJect :  a\r\n');
  const fields = signedFields(Buffer.from('To: x\r\nFrom: a\r\nTo: y\r\nX: z\r\n\r\n'));
  expect(selectFields(fields, ['from', 'to', 'cc'], ['from', 'subject'], 'relaxed')).toEqual({
    names: ['from', 'from', 'to', 'to', 'subject'],
    canonical: 'from:a\r\nto:y\r\nto:x\r\n',
  });
});

test('a field signed in simple form verifies over its own octets', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const tags = [
    ['v', '1'],
    ['h', Array(20).fill('from').join(':')],
  ] as const;
  const value = await signField({
    fieldName: 'DKIM-Signature',
    tags,
    canonical: 'From: a\r\n',
    canonicalization: 'simple',
    key: privateKey,
  });
  expect(value.split('\r\n').every((line) => line.length < 79)).toBe(true);
  const at = value.indexOf('b=') + 2;
  const signed = Buffer.from(`From: a\r\nDKIM-Signature: ${value.slice(0, at)}`);
  const key = createPublicKey(publicKey.export({ type: 'spki', format: 'pem' }));
  expect(verify('sha256', signed, key, Buffer.from(value.slice(at), 'base64'))).toBe(true);
});
