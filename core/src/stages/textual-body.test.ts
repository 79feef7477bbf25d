import { expect, test } from 'vitest';
import { type Body, readBody } from '../body/body.js';
import { bodyFromBytes } from '../body/inline-body.js';
import type { Spool } from '../services/spool.js';
import { defaultEnvelopeParameters } from '../values/envelope.js';
import { textualBody } from './textual-body.js';

const spool: Pick<Spool, 'store'> = {
  async store(stream): Promise<Body> {
    const pieces: Uint8Array[] = [];
    if (!(stream instanceof Uint8Array)) for await (const piece of stream) pieces.push(piece);
    return bodyFromBytes(Buffer.concat(pieces));
  },
};

async function filed(text: string, bodyType: 'binarymime' | '8bitmime' = 'binarymime') {
  const body = bodyFromBytes(Buffer.from(text, 'latin1'));
  const parameters = { ...defaultEnvelopeParameters, bodyType };
  const textual = await textualBody({ parameters, body }, spool);
  return textual === undefined ? undefined : (await readBody(textual, 10_000)).toString('latin1');
}

const part = (octets: string, encoding = 'binary') =>
  `Content-Type: image/png\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n${octets}`;
const mixed = (subject: string, octets: string) =>
  `Subject: ${subject}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n${part(octets)}\r\n--b--\r\n`;

test('NUL, bare CR and bare LF become base64 in their part, and nothing else changes', async () => {
  for (const octets of ['a\0b', 'a\rb', 'a\nb', '\0', '\r\n\n']) {
    const encoded = `--b\r\n${part(Buffer.from(octets, 'latin1').toString('base64'), 'base64')}\r\n--b--`;
    const expected = mixed('x', '').replace(/--b\r\nContent-Type: image.*--b--/s, encoded);
    expect(await filed(mixed('x', octets))).toBe(expected);
  }
});

test('a header section with UTF-8 is no hindrance', async () => {
  const subject = Buffer.from('Größe').toString('latin1');
  expect(await filed(mixed(subject, 'a\0b'))).toContain(`Subject: ${subject}\r\n`);
});

test('text stays as it is, whatever it was declared as', async () => {
  expect(await filed(mixed('x', 'caf\xe9\r\n'))).toBeUndefined();
  expect(await filed('')).toBeUndefined();
  expect(await filed(mixed('x', 'a\0b'), '8bitmime')).toBeUndefined();
});

test('what is signed or says that it is encoded is filed as it came', async () => {
  const signed = mixed('x', 'a\0b').replace('multipart/mixed', 'multipart/signed');
  expect(await filed(signed)).toBeUndefined();
  expect(await filed(`MIME-Version: 1.0\r\n${part('YQ\0=', 'base64')}`)).toBeUndefined();
  expect(await filed('Subject: a\0b\r\n\r\ntext\r\n')).toBeUndefined();
});
