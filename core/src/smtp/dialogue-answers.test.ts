import { afterEach, describe, it } from 'vitest';
import { createPlayedReceivers, hello } from '../testing/played-receivers.js';
import { reply } from '../values/reply.js';

const { play, close } = createPlayedReceivers();

afterEach(close);

describe('LMTP', () => {
  it('answers once for each recipient', async () => {
    await play(
      `S: 220 mx.example.org LMTP
      C: EHLO client.example
      S: 500 ...
      C: LHLO client.example
      S: ...
      S: 250 ...
      C: MAIL FROM:<>
      C: RCPT TO:<a@example.org>
      C: RCPT TO:<b@example.org>
      C: DATA
      S: 250 ...
      S: 250 ...
      S: 250 ...
      S: 354 ...
      C: hi
      C: .
      C: QUIT
      S: 250 2.0.0 first
      S: 452 4.2.2 second
      S: 221 ...
    `,
      {
        protocol: 'lmtp',
        policy: {
          message: () => [{ reply: reply(250, '0.0', 'first') }, { reply: reply(452, '2.2', 'second') }],
        },
      },
    );
  });

  it('may name any number of unknown recipients', async () => {
    const unknown = Array.from({ length: 5 }, () => 'C: RCPT TO:<x@example.org>\nS: 550 ...').join('\n');
    await play(
      `S: 220 ...
      C: LHLO client.example
      S: ...
      S: 250 ...
      C: MAIL FROM:<>
      S: 250 ...
      ${unknown}
      C: NOOP
      S: 250 ...
    `,
      {
        protocol: 'lmtp',
        limits: { errorsMax: 3 },
        policy: { recipient: () => ({ reply: reply(550, '1.1', 'no such user') }) },
      },
    );
  });

  it('refuses a message for each recipient too', async () => {
    await play(
      `S: 220 ...
      C: LHLO client.example
      S: ...
      S: 250 ...
      C: MAIL FROM:<>
      C: RCPT TO:<a@example.org>
      C: RCPT TO:<b@example.org>
      C: DATA
      S: 250 ...
      S: 250 ...
      S: 250 ...
      S: 354 ...
      C: a\\nb
      C: .
      S: 550 ...
      S: 550 ...
      S: <closed>
    `,
      { protocol: 'lmtp' },
    );
  });
});

describe('an answer of policy', () => {
  it('may have several lines, each with code and enhanced status', async () => {
    const refusal = reply(550, '7.1', ['closed on Sundays', 'see https://example.org/']);
    await play(
      `${hello}
      C: MAIL FROM:<a@b.example>
      S: 250 ...
      C: RCPT TO:<bob@example.org>
      S: 550-5.7.1 closed on Sundays
      S: 550 5.7.1 see https://example.org/
      C: NOOP
      S: 250 ...
    `,
      { policy: { recipient: () => ({ reply: refusal }) } },
    );
  });

  it('can not say more lines than it has, whoever put it together', async () => {
    const refusal = { code: 550, detail: '7.1', text: ['one\r\n250 two', 'three\n\u0000'] };
    await play(
      `${hello}
      C: MAIL FROM:<a@b.example>
      S: 250 ...
      C: RCPT TO:<bob@example.org>
      S: 550-5.7.1 one 250 two
      S: 550 5.7.1 three 
      C: NOOP
      S: 250 ...
    `,
      { policy: { recipient: () => ({ reply: refusal }) } },
    );
  });
});

describe('a policy that breaks its promise', () => {
  it.each([
    [
      'throws',
      () => {
        throw new Error('broken');
      },
    ],
    ['rejects', () => Promise.reject(new Error('broken'))],
  ])('is answered with 451 when it %s', async (_name, recipient) => {
    await play(
      `${hello}
      C: MAIL FROM:<a@b.example>
      S: 250 ...
      C: RCPT TO:<bob@example.org>
      S: 451 4.3.0 ...
      S: <closed>
    `,
      { policy: { recipient: recipient as never } },
    );
  });

  it('answers 452 when the body can not be written', async () => {
    const failing = {
      sizeBytes: 0,
      write: () => true,
      drained: async () => {},
      finish: () => Promise.reject(new Error('disk full')),
      abort: async () => {},
    };
    await play(
      `${hello}
      C: MAIL FROM:<a@b.example>
      C: RCPT TO:<bob@example.org>
      C: DATA
      S: 250 ...
      S: 250 ...
      S: 354 ...
      C: hi
      C: .
      S: 452 4.3.1 ...
      C: NOOP
      S: 250 ...
    `,
      { policy: { body: () => failing } },
    );
  });
});
