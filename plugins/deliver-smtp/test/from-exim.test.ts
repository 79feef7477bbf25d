/** Exim's own smtp client delivers to our receiver, over TLS and by BDAT (RFC 3030). */
import type { ConnectionState, TransactionState } from '@postroad/core';
import {
  createTestMetrics,
  playDialogue,
  startTestReceiver,
  type TestReceiver,
} from '@postroad/core/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testCertificate, testKey } from './certificate.js';
import { eximBefore, type UnpackedServer } from './unpacked.js';

const { missing } = eximBefore;

describe.skipIf(missing !== undefined)(`Exim delivers (${missing ?? 'here'})`, () => {
  let receiver: TestReceiver;
  let exim: UnpackedServer | undefined;
  const metrics = createTestMetrics();
  const chunks = () => metrics.samples().find(({ name }) => name === 'receive_chunks_total')?.value ?? 0;
  const asked: (string | undefined)[] = [];

  beforeAll(async () => {
    receiver = await startTestReceiver({
      certificate: { key: testKey, cert: testCertificate },
      isTlsRequired: true,
      metrics,
      policy: {
        dataStart(transaction: TransactionState) {
          asked.push((transaction.connection as ConnectionState).tls?.version);
          return undefined;
        },
      },
    });
    exim = await eximBefore.start(receiver.port);
  }, 90_000);
  afterAll(async () => {
    await exim?.stop();
    await receiver?.close();
  });

  test.each([
    ['dots', '.\r\n..\r\n.dot\r\n\r\nlast\r\n'],
    ['long lines', `${'x'.repeat(900)}\r\n`.repeat(200)],
  ])(
    '%s, unchanged, over TLS, by BDAT',
    async (_name, body) => {
      const before = receiver.messages.length;
      await playDialogue(
        { port: (exim as UnpackedServer).port, timeoutMs: 30_000 },
        `S: 220 ...
      C: EHLO client.example
      S: ...
      S: 250 ...
      C: MAIL FROM:<alice@example.net>
      S: 250 ...
      C: RCPT TO:<bob@example.org>
      S: 250 ...
      C: DATA
      S: 354 ...
      C+ ${shown(`Subject: x\r\n\r\n${body.replaceAll(/^\./gm, '..')}.\r\n`)}
      S: 250 ...
      C: QUIT
      S: 221 ...`,
      );
      await expect.poll(() => receiver.messages.length, { timeout: 60_000 }).toBe(before + 1);
      const content = receiver.messages[before]?.content ?? '';
      expect(content.slice(content.indexOf('\r\n\r\n') + 4)).toBe(body);
      expect(content).toMatch(/^Received: from /);
      expect(asked).toEqual(Array(before + 1).fill('TLSv1.3'));
      expect(chunks()).toBeGreaterThan(before);
      expect(receiver.refusals).toEqual([]);
    },
    90_000,
  );
});

function shown(octets: string): string {
  return octets.replaceAll('\r', '\\r').replaceAll('\n', '\\n');
}
