import { afterEach, describe, expect, it } from 'vitest';
import { createPlayedReceivers } from '../testing/played-receivers.js';
import { testAuthenticator } from '../testing/test-authenticator.js';
import { createVirtualClock } from '../testing/virtual-clock.js';

const { play, close } = createPlayedReceivers();

afterEach(close);

describe('a whole transaction', () => {
  it('takes a message, dots taken off, and says what it offers', async () => {
    const { messages } = await play(`
      S: 220 mx.example.org ESMTP
      C: EHLO client.example
      S: 250-mx.example.org
      S: 250-PIPELINING
      S: 250-SIZE 52428800
      S: 250-8BITMIME
      S: 250-SMTPUTF8
      S: 250-ENHANCEDSTATUSCODES
      S: 250-DSN
      S: 250-CHUNKING
      S: 250-BINARYMIME
      S: 250-DELIVERBY
      S: 250-MT-PRIORITY
      S: 250 LIMITS MAILMAX=10000 RCPTMAX=1000
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

  it('takes the end of one message and the envelope of the next in one write', async () => {
    const { messages } = await play(`
      S: 220 ...
      C: EHLO client.example
      S: ...
      S: 250 ...
      C: MAIL FROM:<>
      C: RCPT TO:<postmaster>
      C: DATA
      S: 250 ...
      S: 250 ...
      S: 354 ...
      C: one
      C: .
      C: MAIL FROM:<a@b.example>
      C: RCPT TO:<"a b@c"@example.org>
      C: DATA
      S: 250 ...
      S: 250 ...
      S: 250 ...
      S: 354 ...
      C: two
      C: .
      C: QUIT
      S: 250 ...
      S: 221 ...
      S: <closed>
    `);
    expect(messages.map((message) => message.content)).toEqual(['one\r\n', 'two\r\n']);
    expect(messages[0]?.envelope.recipients[0]?.address).toEqual({ localPart: 'postmaster', domain: '' });
    expect(messages[1]?.envelope.recipients[0]?.address.localPart).toBe('a b@c');
  });

  it('carries what later extensions ask for to the envelope', async () => {
    const { messages } = await play(
      `
      S: 220 ...
      C: EHLO client.example
      S: ...
      S: 250 FUTURERELEASE 2592000 2023-12-14T22:13:20Z
      C: MAIL FROM:<a@b.example> HOLDFOR=60 BY=120;RT MT-PRIORITY=4
      C: RCPT TO:<bob@example.org> NOTIFY=NEVER
      C: DATA
      S: 250 ...
      S: 250 ...
      S: 354 ...
      C: .
      C: MAIL FROM:<a@b.example> HOLDUNTIL=2023-11-15T00:00:00+01:00 BY=-1;N
      C: RCPT TO:<bob@example.org> ORCPT=utf-8;b\\x{f8}b@example.org
      C: DATA
      S: 250 ...
      S: 250 ...
      S: 250 ...
      S: 354 ...
      C: .
      C: MAIL FROM:<a@b.example> HOLDFOR=2592001
      C: MAIL FROM:<a@b.example> HOLDFOR=1 HOLDUNTIL=2023-11-15T00:00:00Z
      S: 250 ...
      S: 501 ...
      S: 501 ...
    `,
      { role: 'submission', clock: createVirtualClock(1_700_000_000_000) },
    );
    expect(messages[0]?.envelope.parameters).toMatchObject({
      holdUntilMs: 1_700_000_060_000,
      deliverBy: { atMs: 1_700_000_120_000, mode: 'return', trace: true },
      priority: 4,
    });
    expect(messages[0]?.envelope.recipients[0]?.notify).toBe('never');
    expect(messages[1]?.envelope.parameters).toMatchObject({
      holdUntilMs: Date.parse('2023-11-14T23:00:00Z'),
      deliverBy: { mode: 'notify', trace: false },
    });
    expect(messages[1]?.envelope.recipients[0]?.orcpt).toBe('utf-8;b\\x{f8}b@example.org');
  });

  it('lets who has logged in raise the priority, wherever that was', async () => {
    const { messages } = await play(
      `
      S: 220 ...
      C: EHLO client.example
      S: ...
      S: 250 AUTH ...
      C: AUTH PLAIN ${Buffer.from('\0ute\0x').toString('base64')}
      S: 235 ...
      C: MAIL FROM:<a@b.example> MT-PRIORITY=9
      S: 250 ...
      C: RCPT TO:<bob@example.org>
      S: 250 ...
      C: DATA
      S: 354 ...
      C: .
      S: 250 ...
    `,
      {
        hasAuth: true,
        isPlaintextAuthAllowed: true,
        policy: {
          logins: testAuthenticator(async ({ mechanism }) => ({
            status: 'granted',
            identity: { accountId: 'ute', login: 'ute', mechanism },
          })),
        },
      },
    );
    expect(messages[0]?.envelope.parameters.priority).toBe(9);
  });

  it('lets a stranger lower the priority, not raise it', async () => {
    const { messages } = await play(`
      S: 220 ...
      C: EHLO client.example
      S: ...
      S: 250 LIMITS ...
      C: MAIL FROM:<a@b.example> MT-PRIORITY=9
      C: RCPT TO:<bob@example.org>
      C: DATA
      S: 250 ...
      S: 250 ...
      S: 354 ...
      C: .
      C: MAIL FROM:<a@b.example> MT-PRIORITY=-3
      C: RCPT TO:<bob@example.org>
      C: DATA
      S: 250 ...
      S: 250 ...
      S: 250 ...
      S: 354 ...
      C: .
      C: QUIT
      S: ...
      S: 221 ...
    `);
    expect(messages.map((message) => message.envelope.parameters.priority)).toEqual([0, -3]);
  });
});
