/** New signatures for what is changed on its way out. That they hold is shown with opendkim in `opendkim.test.ts`. */
import { definePlugin, MailError, Resigner } from '@postroad/core';
import { startTestMta } from '@postroad/core/testing';
import { expect, test } from 'vitest';
import { signDkim } from '../src/sign-dkim.js';
import { directory, publish, resolver, run, startSigner, useDirectory } from './kit.js';

useDirectory();

async function* piecesOf(text: string): AsyncGenerator<Uint8Array> {
  for (const letter of text) yield Buffer.from(letter);
}

/** A server with the keys that are there, and its resigner. */
async function startResigner(): Promise<{ readonly resigner: Resigner } & AsyncDisposable> {
  let found: Resigner | undefined;
  const asker = definePlugin({
    name: 'deliver-asker',
    needs: { resigner: Resigner },
    setup({ services }) {
      found = services.resigner;
    },
  });
  const server = await startTestMta({ plugins: [signDkim({ directory }), asker()], resolver });
  return { resigner: found as unknown as Resigner, [Symbol.asyncDispose]: () => server.stop() };
}

const header = Buffer.from('From: alice@example.org\r\nSubject: x\r\n\r\n');
const bodyHashes = (prefix: string) =>
  [...prefix.replace(/\s+/g, '').matchAll(/;bh=([^;]*)/g)].map(([, bh]) => bh);

test('takes the place of our own signatures and leaves all other fields', async () => {
  publish(await run('dkim create', { domain: 'example.org', selector: 'one' }));
  await using signer = await startSigner();
  const sent = await signer.send('From: alice@example.org\r\nSubject: x\r\n\r\neight\r\n');
  const headerPrefix = sent.slice(0, sent.indexOf('From: alice'));
  await using asked = await startResigner();
  const renewed = await asked.resigner.resign({ headerPrefix, header, content: () => piecesOf('seven\r\n') });
  expect(renewed?.match(/^DKIM-Signature:/gm)).toHaveLength(2);
  expect(renewed?.slice(renewed.indexOf('X-Other'))).toBe(
    headerPrefix.slice(headerPrefix.indexOf('X-Other')),
  );
  const [before, after] = [bodyHashes(headerPrefix), bodyHashes(renewed ?? '')];
  expect(new Set([...before, ...after]).size).toBe(2);
});

test('does nothing where nothing is signed, and stands back where a signature is not ours', async () => {
  publish(await run('dkim create', { domain: 'example.org', selector: 'one' }));
  await using asked = await startResigner();
  const content = () => piecesOf('seven\r\n');
  const resign = (headerPrefix: string) => asked.resigner.resign({ headerPrefix, header, content });
  expect(await resign('Received: x\r\n')).toBe('Received: x\r\n');
  const ours = 'DKIM-Signature: v=1; d=example.org;\r\n s=one-rsa; b=x\r\n';
  expect(await resign(ours)).toMatch(/^DKIM-Signature: .*\r\nDKIM-Signature: /s);
  for (const other of [
    'DKIM-Signature: v=1; d=example.com; s=one-rsa; b=x\r\n',
    'DKIM-Signature: v=1; d=example.org; s=another; b=x\r\n',
    'DKIM-Signature: nonsense\r\n',
  ]) {
    expect(await resign(other)).toBeUndefined();
    expect(await resign(ours + other)).toBeUndefined();
  }
  const broken = () =>
    (async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from('half');
      throw new MailError('E_QUEUE_STORE', 'the disk is gone');
    })();
  await expect(asked.resigner.resign({ headerPrefix: ours, header, content: broken })).rejects.toThrow(
    'gone',
  );
});
