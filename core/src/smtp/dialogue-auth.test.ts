import { afterEach, beforeAll, describe, it } from 'vitest';
import { createPlayedReceivers, hello } from '../testing/played-receivers.js';
import { testAuthenticator } from '../testing/test-authenticator.js';
import { makeTestCertificate } from '../testing/test-certificate.js';
import type { TestReceiverOptions } from '../testing/test-receiver.js';
import { reply } from '../values/reply.js';

const { play, close } = createPlayedReceivers();

let certificate: { readonly key: string; readonly cert: string };

beforeAll(async () => {
  certificate = await makeTestCertificate();
});

afterEach(close);

describe('AUTH', () => {
  const granting: TestReceiverOptions = {
    hasAuth: true,
    isPlaintextAuthAllowed: true,
    policy: {
      logins: testAuthenticator(async (credentials) =>
        credentials.kind === 'password' &&
        credentials.login === 'ute' &&
        credentials.password === 'geheim ü' &&
        credentials.authorizationId === ''
          ? {
              status: 'granted',
              identity: { accountId: 'ute', login: 'ute', mechanism: credentials.mechanism },
            }
          : { status: 'refused', reply: reply(535, '7.8', 'wrong login or password') },
      ),
    },
  };
  const plain = Buffer.from('\0ute\0geheim ü').toString('base64');
  const name = Buffer.from('ute').toString('base64');
  const password = Buffer.from('geheim ü').toString('base64');

  it.each([
    ['PLAIN at once', `C: AUTH PLAIN ${plain}`],
    ['PLAIN asked for', `C: auth plain\nS: 334 \nC: ${plain}`],
    ['LOGIN', `C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: ${name}\nS: 334 UGFzc3dvcmQ6\nC: ${password}`],
    ['LOGIN with the name at once', `C: AUTH LOGIN ${name}\nS: 334 UGFzc3dvcmQ6\nC: ${password}`],
  ])('takes %s, and offers it no more', async (_name, exchange) => {
    await play(
      `${hello}${exchange}
      S: 235 2.7.0 ...
      C: AUTH PLAIN ${plain}
      S: 503 ...
      C: EHLO client.example
      S: ...
      S: 250 LIMITS ...
    `,
      granting,
    );
  });

  it.each([
    ['AUTH PLAIN !!!!', '501 5.5.2'],
    ['AUTH PLAIN AAAA', '501 5.5.2'],
    [`AUTH PLAIN ${Buffer.from('\0ute\0falsch').toString('base64')}`, '535 5.7.8'],
    [`AUTH PLAIN ${Buffer.from('eva\0ute\0geheim ü').toString('base64')}`, '535 5.7.8'],
    [`AUTH PLAIN ${Buffer.from('\0ute\0\xff', 'latin1').toString('base64')}`, '501 5.5.2'],
    ['AUTH CRAM-MD5', '504 5.5.4'],
    ['AUTH', '501 5.5.4'],
    [`AUTH PLAIN ${plain} more`, '501 5.5.4'],
    [`AUTH PLAIN ${'A'.repeat(12_400)}`, '500 5.5.2'],
    ['AUTH PLAIN AGE', '501 5.5.2'],
    ['AUTH PLAIN AGF=', '501 5.5.2'],
    ['AUTH PLAIN\r\n*', '334 '],
  ])('%j gets %s', async (command, code) => {
    const cancelled = code === '334 ' ? 'S: 501 5.7.0 cancelled' : '';
    await play(
      `${hello}
      C: ${command.replace('\r\n', '\n      C: ')}
      S: ${code === '334 ' ? code : `${code} ...`}
      ${cancelled}
      C: AUTH PLAIN ${plain}
      S: 235 ...
    `,
      granting,
    );
  });

  it('that is answered with too much is over', async () => {
    await play(
      `${hello}
      C: AUTH PLAIN
      S: 334 
      C: ${'A'.repeat(12_400)}
      S: 500 5.5.6 ...
      C: NOOP
      S: 250 ...
      C: AUTH PLAIN ${plain}
      S: 235 ...
    `,
      granting,
    );
  });

  it('is neither offered nor taken before TLS', async () => {
    await play(
      `S: 220 ...
      C: EHLO client.example
      S: ...
      S: 250-LIMITS ...
      S: 250 STARTTLS
      C: AUTH PLAIN ${plain}
      S: 538 5.7.11 ...
    `,
      { ...granting, isPlaintextAuthAllowed: false, certificate },
    );
  });

  it('is refused where it is not offered, before EHLO, and in a transaction', async () => {
    await play(`${hello}
      C: AUTH PLAIN ${plain}
      S: 502 ...
    `);
    await play(
      `S: 220 ...
      C: AUTH PLAIN ${plain}
      S: 503 ...
      C: HELO client.example
      S: 250 ...
      C: AUTH PLAIN ${plain}
      S: 503 5.5.1 say hello first
      C: EHLO client.example
      S: ...
      S: 250 ...
      C: MAIL FROM:<a@b.example>
      S: 250 ...
      C: AUTH PLAIN ${plain}
      S: 503 ...
    `,
      granting,
    );
  });
});
