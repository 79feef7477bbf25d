import { afterEach, describe, expect, it } from 'vitest';
import { playDialogue } from '../testing/dialogue.js';
import { startTestReceiver, type TestReceiver, type TestReceiverOptions } from '../testing/test-receiver.js';

let receiver: TestReceiver | undefined;

async function play(script: string, options: TestReceiverOptions = {}): Promise<TestReceiver> {
  receiver = await startTestReceiver(options);
  await playDialogue({ port: receiver.port }, script);
  return receiver;
}

afterEach(async () => {
  await receiver?.close();
  receiver = undefined;
});

describe('a whole transaction', () => {
  it('takes a message, dots taken off, and says what it offers', async () => {
    const { messages } = await play(`
      S: 220 mx.example.org ESMTP
      C: EHLO client.example
      S: 250-mx.example.org
      S: 250-PIPELINING
      S: 250-SIZE 52428800
      S: ...
      S: 250 ...
      C: MAIL FROM:<alice@example.com> SIZE=100 BODY=8BITMIME RET=HDRS ENVID=a+2Bb
      S: 250 2.0.0 ok
      C: RCPT TO:<bob@example.org> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;bob@example.org
      S: 250 2.0.0 ok
      C: DATA
      S: 354 ...
      C: Subject: hi
      C:
      C: ..dot
      C: ...
      C: .
      S: 250 2.0.0 ok
      C: QUIT
      S: 221 2.0.0 closing connection
      S: <closed>
    `);
    expect(messages).toHaveLength(1);
    expect(messages[0]?.content).toBe('Subject: hi\r\n\r\n.dot\r\n..\r\n');
    expect(messages[0]?.envelope).toEqual({
      reversePath: { localPart: 'alice', domain: 'example.com' },
      recipients: [
        {
          address: { localPart: 'bob', domain: 'example.org' },
          notify: ['success', 'delay'],
          orcpt: 'rfc822;bob@example.org',
        },
      ],
      parameters: {
        bodyType: '8bitmime',
        smtpUtf8: false,
        declaredSizeBytes: 100,
        requireTls: false,
        priority: 0,
        ret: 'hdrs',
        envid: 'a+b',
      },
    });
  });

  it('takes two pipelined messages in one write', async () => {
    const { messages } = await play(`
      S: 220 ...
      C: EHLO client.example
      S: ...
      S: 250 ...
      C: MAIL FROM:<>
      C: RCPT TO:<postmaster>
      C: DATA
      C: one
      C: .
      C: MAIL FROM:<a@b.example>
      C: RCPT TO:<"a b@c"@example.org>
      C: DATA
      C: two
      C: .
      C: QUIT
      S: 250 ...
      S: 250 ...
      S: 354 ...
      S: 250 ...
      S: 250 ...
      S: 250 ...
      S: 354 ...
      S: 250 ...
      S: 221 ...
      S: <closed>
    `);
    expect(messages.map((message) => message.content)).toEqual(['one\r\n', 'two\r\n']);
    expect(messages[0]?.envelope.recipients[0]?.address).toEqual({ localPart: 'postmaster', domain: '' });
    expect(messages[1]?.envelope.recipients[0]?.address.localPart).toBe('a b@c');
  });
});
