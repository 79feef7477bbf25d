import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { playDialogue } from '../testing/dialogue.js';
import { createPlayedReceivers, hello } from '../testing/played-receivers.js';
import { testAuthenticator } from '../testing/test-authenticator.js';
import { makeTestCertificate } from '../testing/test-certificate.js';

const { start, play, close } = createPlayedReceivers();

let certificate: { readonly key: string; readonly cert: string };

beforeAll(async () => {
  certificate = await makeTestCertificate();
});

afterEach(close);

describe('STARTTLS', () => {
  it('forgets everything, and what was sent behind it in clear', async () => {
    const { messages } = await play(
      `${hello}
      C: MAIL FROM:<a@b.example>
      S: 250 ...
      C: STARTTLS
      S: 220 ...
      C: <tls>
      C: RCPT TO:<bob@example.org>
      S: 503 5.5.1 MAIL first
      C: MAIL FROM:<a@b.example>
      S: 503 5.5.1 say hello first
      C: EHLO client.example
      S: ...
      S: 250 REQUIRETLS
      C: STARTTLS
      S: 503 ...
      C: MAIL FROM:<a@b.example> REQUIRETLS
      S: 250 ...
      C: RCPT TO:<bob@example.org>
      S: 250 ...
      C: DATA
      S: 354 ...
      C: secret
      C: .
      S: 250 ...
      C: QUIT
      S: 221 ...
      S: <closed>
    `,
      { certificate },
    );
    expect(messages[0]?.content).toBe('secret\r\n');
    expect(messages[0]?.envelope.parameters.requireTls).toBe(true);
  });

  it('runs no command that came with it (injection)', async () => {
    const opened = await start({ certificate });
    // The handshake fails or goes on without the commands, as the packets fall; they never run.
    await playDialogue(
      { port: opened.port },
      `${hello}
      C: STARTTLS
      C: NOSUCHCOMMAND
      C+ NOSUCH
      S: 220 ...
      C: <tls>
      C: NOOP
      S: 250 ...
    `,
    ).catch(() => undefined);
    expect(opened.refusals).toEqual([]);
  });

  it('forgets who had logged in before it', async () => {
    const login = `AUTH PLAIN ${Buffer.from('\0ute\0geheim').toString('base64')}`;
    await play(
      `${hello}
      C: ${login}
      S: 235 ...
      C: STARTTLS
      S: 220 ...
      C: <tls>
      C: EHLO client.example
      S: ...
      S: 250 AUTH ...
      C: ${login}
      S: 235 ...
    `,
      {
        certificate,
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
  });

  it('is needed for MAIL where it is required', async () => {
    await play(
      `${hello}
      C: MAIL FROM:<a@b.example>
      S: 530 5.7.0 ...
      C: STARTTLS now
      S: 501 ...
    `,
      { certificate, isTlsRequired: true },
    );
  });

  it('ends the connection when the handshake fails', async () => {
    const opened = await play(
      `${hello}
      C: STARTTLS
      S: 220 ...
      C: this is no handshake
      S: <closed>
    `,
      { certificate },
    );
    await expect.poll(() => opened.connections).toEqual({ opened: 1, closed: 1 });
  });
});
