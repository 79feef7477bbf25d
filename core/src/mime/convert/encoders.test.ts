import { expect, test } from 'vitest';
import { base64Encoder, quotedPrintableEncoder } from './encoders.js';

test('quoted-printable of long lines of text keeps within 76 characters, and can be undone', () => {
  const text = `${'\u00e4 b=\t'.repeat(400)}\r\n \r\nend `;
  const encoder = quotedPrintableEncoder();
  const pieces = [...Buffer.from(text)].map((octet) => encoder.push(Buffer.from([octet])));
  const encoded = Buffer.concat([...pieces, encoder.end()]).toString('latin1');
  for (const line of encoded.split('\r\n')) expect(line.length).toBeLessThanOrEqual(76);
  expect(encoded).not.toMatch(/[ \t]\r\n/);
  const decoded = encoded
    .replace(/=\r\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  expect(Buffer.from(decoded, 'latin1').toString()).toBe(text);
  expect(base64Encoder().end().length).toBe(0);
});
