/** REQUIRETLS (RFC 8689) from server to server: kept all the way, and the end of the way where it can't be kept. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { accept, definePlugin } from '@postroad/core';
import { playDialogue, startTestMta, startTestReceiver, type TestMta } from '@postroad/core/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { deliverSmtp } from '../src/index.js';
import { testCertificate, testKey } from './certificate.js';
import { serve } from './scene.js';
import { polite } from './scripted-server.js';

const closing: (() => Promise<unknown>)[] = [];
let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postroad-requiretls-'));
  await writeFile(join(directory, 'cert.pem'), testCertificate);
  await writeFile(join(directory, 'key.pem'), testKey);
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  await rm(directory, { recursive: true });
});

/** What a server kept and how its deliveries ended. */
interface Seen {
  readonly kept: boolean[];
  readonly ended: string[];
  readonly tried: string[];
}

/** A server with a certificate that relays to the next one. */
async function startRelay(port: number): Promise<Seen & { readonly server: TestMta }> {
  const seen: Seen = { kept: [], ended: [], tried: [] };
  const relayAll = definePlugin({
    name: 'relay-all',
    setup({ tap }) {
      tap('recipient', () => accept());
      tap('route', () => ({ transport: 'smtp', host: 'localhost', port }));
      tap('enqueued', (message) => {
        if (message.reversePath !== null) seen.kept.push(message.parameters.requireTls);
      });
      tap('attempted', (_delivery, { outcomes }) => {
        seen.tried.push(...outcomes.map(({ status, reply }) => `${status} ${reply.code} ${reply.detail}`));
      });
      tap('settled', ({ message, status, outcome }) => {
        if (message.reversePath === null) return;
        seen.ended.push(`${status} ${outcome?.reply.code} ${outcome?.reply.detail}`);
      });
    },
  });
  const caFile = join(directory, 'cert.pem');
  const server = await startTestMta({
    plugins: [relayAll(), deliverSmtp({ allowPrivateAddresses: true, caFile })],
    tls: { certificateFile: caFile, keyFile: join(directory, 'key.pem') },
    listeners: [{ name: 'in', host: '127.0.0.1', port: 0, role: 'relay' }],
  });
  closing.push(() => server.stop());
  return { ...seen, server };
}

async function send(server: TestMta, parameters: string): Promise<void> {
  await playDialogue(
    { port: server.port('in') },
    `S: 220 ...
    C: EHLO client.example
    S: ...
    S: 250 STARTTLS
    C: STARTTLS
    S: 220 ...
    C: <tls>
    C: EHLO client.example
    S: ...
    S: 250 REQUIRETLS
    C: MAIL FROM:<alice@example.org>${parameters}
    S: 250 ...
    C: RCPT TO:<bob@example.net>
    S: 250 ...
    C: DATA
    S: 354 ...
    C: Subject: x
    C:
    C: hi
    C: .
    S: 250 ...`,
  );
}

test('is kept with the envelope by each server, and asked of the last one', async () => {
  const last = await startTestReceiver({ certificate: { key: testKey, cert: testCertificate } });
  closing.push(() => last.close());
  const second = await startRelay(last.port);
  const first = await startRelay(second.server.port('in'));
  await send(first.server, ' REQUIRETLS');
  await expect.poll(() => last.messages.length, { timeout: 20_000 }).toBe(1);
  expect([first.kept, second.kept]).toEqual([[true], [true]]);
  expect(last.messages[0]?.envelope.parameters.requireTls).toBe(true);
});

test('ends where the next server lacks it; without it the message goes on', async () => {
  const last = await serve(polite({ offers: ['PIPELINING', 'STARTTLS'] }));
  const second = await startRelay(last.port);
  const first = await startRelay(second.server.port('in'));
  await send(first.server, ' REQUIRETLS');
  await expect.poll(() => second.ended, { timeout: 20_000 }).toEqual(['bounced 550 7.30']);
  expect([first.kept, second.kept, first.ended]).toEqual([[true], [true], ['delivered 250 0.0']]);
  // The notification about it goes the same way, and may be there already.
  const own = () => last.messages.filter((message) => !String(message).includes('multipart/report'));
  expect(own()).toEqual([]);
  await send(first.server, '');
  await expect.poll(() => own().length, { timeout: 20_000 }).toBe(1);
});

test('waits where the next server has no TLS at all, which may be a mishap', async () => {
  const last = await startTestReceiver();
  closing.push(() => last.close());
  const { server, tried } = await startRelay(last.port);
  await send(server, ' REQUIRETLS');
  await expect.poll(() => tried, { timeout: 20_000 }).toEqual(['deferred 451 7.4']);
  expect(last.messages).toEqual([]);
});
