/** What a client asks for with MAIL and RCPT goes with the envelope into the queue, and on to the next hop. */
import { accept, definePlugin } from '@postroad/core';
import { playDialogue, startTestMta, startTestReceiver, type TestMta } from '@postroad/core/testing';
import { afterEach, expect, test } from 'vitest';
import { deliverSmtp } from '../src/index.js';
import { testCertificate, testKey } from './certificate.js';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const plain = Buffer.from('\0alice\0wonderland').toString('base64');

async function startRelay(port: number): Promise<TestMta> {
  const relayAll = definePlugin({
    name: 'relay-all',
    setup({ tap }) {
      tap('credentials', () => ({ accountId: 'alice', login: 'alice', mechanism: 'PLAIN' }));
      tap('recipient', () => accept());
      tap('route', () => ({ transport: 'smtp', host: 'localhost', port }));
    },
  });
  const relay = await startTestMta({
    plugins: [relayAll(), deliverSmtp({ allowPrivateAddresses: true })],
    listeners: [
      { name: 'in', host: '127.0.0.1', port: 0, role: 'submission', plaintextAuth: true, senders: 'any' },
    ],
  });
  closing.push(() => relay.stop());
  return relay;
}

const begun = `S: 220 ...
  C: EHLO client.example
  S: ...
  S: 250 ...
  C: AUTH PLAIN ${plain}
  S: 235 ...
`;
const ended = `
  S: 250 ...
  C: DATA
  S: 354 ...
  C: Subject: x
  C:
  C: hi
  C: .
  S: 250 ...
  C: QUIT
  S: 221 ...
`;

test('to the next hop', async () => {
  const next = await startTestReceiver({
    certificate: { key: testKey, cert: testCertificate },
    role: 'submission',
  });
  closing.push(() => next.close());
  const relay = await startRelay(next.port);
  await playDialogue(
    { port: relay.port('in') },
    `${begun}
    C: MAIL FROM:<a@b.example> BODY=8BITMIME RET=HDRS ENVID=id+2B1 BY=600;NT MT-PRIORITY=4
    S: 250 ...
    C: RCPT TO:<bob@example.net> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;robert@example.net
    S: 250 ...
    C: RCPT TO:<eve@example.net> NOTIFY=NEVER${ended}`,
  );
  await expect.poll(() => next.messages.length, { timeout: 20_000 }).toBe(1);
  const envelope = next.messages[0]?.envelope;
  expect(envelope?.parameters).toMatchObject({
    ret: 'hdrs',
    envid: 'id+1',
    priority: 4,
    deliverBy: { mode: 'notify', trace: true },
  });
  const leftMs = (envelope?.parameters.deliverBy?.atMs ?? 0) - Date.now();
  expect(leftMs).toBeGreaterThan(0);
  expect(leftMs).toBeLessThanOrEqual(600_000);
  expect(envelope?.recipients).toEqual([
    {
      address: { localPart: 'bob', domain: 'example.net' },
      notify: ['success', 'delay'],
      orcpt: 'rfc822;robert@example.net',
    },
    { address: { localPart: 'eve', domain: 'example.net' }, notify: 'never' },
  ]);
});

test('to the queue, which holds it as long as was asked for', async () => {
  const next = await startTestReceiver();
  closing.push(() => next.close());
  const relay = await startRelay(next.port);
  const beforeMs = Date.now();
  await playDialogue(
    { port: relay.port('in') },
    `${begun}
    C: MAIL FROM:<a@b.example> HOLDFOR=3600
    S: 250 ...
    C: RCPT TO:<bob@example.net>${ended}`,
  );
  const [listed] = (await relay.mta.queue.list({}, { limit: 10 })).recipients;
  expect(listed?.state).toBe('waiting');
  expect((listed?.dueAtMs ?? 0) - beforeMs).toBeGreaterThanOrEqual(3_599_000);
  const message = await relay.mta.queue.message(listed?.messageId ?? '');
  expect(message?.parameters.holdUntilMs).toBe(listed?.dueAtMs);
  expect(next.messages).toEqual([]);
});
