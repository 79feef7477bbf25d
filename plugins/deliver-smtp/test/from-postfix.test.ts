/**
 * Postfix's own smtp client delivers to our receiver, over TLS and with CHUNKING offered, which it does not use: Postfix
 * knows BDAT as a server only. Exim's client does (`from-exim.test.ts`).
 */
import type { ConnectionState, TransactionState } from '@postroad/core';
import { playDialogue, startTestReceiver, type TestReceiver } from '@postroad/core/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testCertificate, testKey } from './certificate.js';
import { type Postfix, postfixMissing, startPostfix } from './postfix.js';

const cases = {
  dots: '.\r\n..\r\n.dot\r\n\r\nlast\r\n',
  'eight bits': 'gr\\xfc\\xdfe\r\n',
  nothing: '',
  'long lines': `${'x'.repeat(900)}\r\n`.repeat(3),
};

describe.skipIf(postfixMissing !== undefined)(`Postfix delivers (${postfixMissing ?? 'here'})`, () => {
  // Its start looks at every file: on a busy machine that takes minutes.
  const patienceMs = 240_000;
  let starting: Promise<Postfix> | undefined;
  let receiver: TestReceiver;
  const tls: (string | undefined)[] = [];

  beforeAll(async () => {
    receiver = await startTestReceiver({
      certificate: { key: testKey, cert: testCertificate },
      isTlsRequired: true,
      policy: {
        dataStart(transaction: TransactionState) {
          tls.push((transaction.connection as ConnectionState).tls?.version);
          return undefined;
        },
      },
    });
    starting = startPostfix(receiver.port);
    await starting;
  }, patienceMs);
  afterAll(async () => {
    // Also one that was still starting when the patience was over.
    await (await starting)?.stop();
    await receiver.close();
  }, patienceMs);

  /** Hands Postfix a message and waits until it has come to us. */
  async function relayed(mail: string, recipient: string, body: string) {
    const before = receiver.messages.length;
    const octets = `Subject: x\r\n\r\n${body.replaceAll(/^\./gm, '..')}.\r\n`;
    const shown = octets.replaceAll('\r', '\\r').replaceAll('\n', '\\n');
    const { port } = (await starting) as Postfix;
    await playDialogue(
      { port, timeoutMs: 60_000 },
      `S: 220 ...
      C: EHLO client.example
      S: ...
      S: 250 ...
      C: MAIL FROM:<${mail}
      S: 250 ...
      C: RCPT TO:<${recipient}
      S: 250 ...
      C: DATA
      S: 354 ...
      C+ ${shown}
      S: 250 ...
      C: QUIT
      S: 221 ...`,
    );
    await expect.poll(() => receiver.messages.length, { timeout: 60_000 }).toBe(before + 1);
    return receiver.messages[before];
  }

  test.each(Object.entries(cases))(
    '%s, unchanged, over TLS',
    async (_name, body) => {
      const message = await relayed('alice@example.org> BODY=8BITMIME', 'bob@example.net>', body);
      const expected = body.replaceAll(/\\x([0-9a-f]{2})/g, (_, hex) =>
        String.fromCharCode(Number.parseInt(hex, 16)),
      );
      expect(message?.content.slice(message.content.indexOf('\r\n\r\n') + 4)).toBe(expected);
      expect(message?.content).toMatch(/^Received: from client\.example/);
      expect(message?.envelope.reversePath).toEqual({ localPart: 'alice', domain: 'example.org' });
      expect(tls.at(-1)).toBe('TLSv1.3');
      expect(receiver.refusals).toEqual([]);
    },
    120_000,
  );

  test('what its clients said of reports and of UTF-8', async () => {
    const message = await relayed(
      'j\\xc3\\xbcrgen@example.org> SMTPUTF8 RET=HDRS ENVID=a+2Bb',
      'b\\xc3\\xb6b@example.net> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;c@example.net',
      'hi\r\n',
    );
    expect(message?.envelope.reversePath?.localPart).toBe('j\u00fcrgen');
    expect(message?.envelope.parameters).toMatchObject({ smtpUtf8: true, ret: 'hdrs', envid: 'a+b' });
    expect(message?.envelope.recipients).toEqual([
      {
        address: { localPart: 'b\u00f6b', domain: 'example.net' },
        notify: ['success', 'failure'],
        orcpt: 'rfc822;c@example.net',
      },
    ]);
  }, 120_000);
});
