import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { playDialogue } from '../testing/dialogue.js';
import { createPlayedReceivers, hello } from '../testing/played-receivers.js';

const { start, play, close } = createPlayedReceivers();

afterEach(close);

describe('a client that does not wait for the answer to DATA', () => {
  it('never has the lines of its message run as commands', async () => {
    const { messages } = await play(`${hello}
      C: MAIL FROM:<a@b.example>
      C: RCPT TO:<>
      C: DATA
      C: From: a
      C: MAIL FROM:<evil@b.example>
      C: RCPT TO:<bob@example.org>
      C: DATA
      C: smuggled
      C: .
      S: 250 ...
      S: 501 ...
      S: 554 5.5.1 no valid recipients
      S: 500 5.5.1 ...
      S: <closed>
    `);
    expect(messages).toHaveLength(0);
  });

  it('nor when it is a hook that refuses DATA', async () => {
    const refusal = { reply: { code: 550, detail: '7.1', text: 'not today' } };
    const { messages } = await play(
      `${hello}
      C: MAIL FROM:<a@b.example>
      C: RCPT TO:<bob@example.org>
      C: DATA
      C: From: a
      C: MAIL FROM:<evil@b.example>
      S: 250 ...
      S: 250 ...
      S: 550 5.7.1 not today
      S: 500 5.5.1 ...
      S: <closed>
    `,
      { policy: { dataStart: () => refusal } },
    );
    expect(messages).toHaveLength(0);
  });

  it('is refused: its message came before it was asked for', async () => {
    const { messages, refusals } = await play(`${hello}
      C: MAIL FROM:<a@b.example>
      C: RCPT TO:<bob@example.org>
      C: DATA
      C: From: a
      C: .
      C: MAIL FROM:<evil@b.example>
      S: 250 ...
      S: 250 ...
      S: 554 5.5.1 the message came before it was asked for
      S: <closed>
    `);
    expect(messages).toHaveLength(0);
    expect(refusals).toEqual(['DATA 554']);
  });

  it('is refused too when it sent on while a hook was asked', async () => {
    let decide = (_answer: undefined): void => undefined;
    const dataStart = () => new Promise<undefined>((resolve) => (decide = resolve));
    const receiver = await start({ policy: { dataStart } });
    const client = connect(receiver.port, '127.0.0.1');
    let text = '';
    client.on('data', (chunk) => (text += chunk.toString()));
    client.write('EHLO c.example\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n');
    await expect.poll(() => text).toMatch(/250 .*\r\n250 .*\r\n250 2.0.0 ok\r\n$/);
    client.write('From: a');
    // What another client says afterwards has been read afterwards.
    await playDialogue({ port: receiver.port }, hello);
    decide(undefined);
    await once(client, 'end');
    client.destroy();
    expect(text).toMatch(/\r\n554 5\.5\.1 .*\r\n$/);
    expect(receiver.messages).toHaveLength(0);
  });

  it('is listened to in the legacy profile', async () => {
    const { messages } = await play(
      `${hello}
      C: MAIL FROM:<a@b.example>
      C: RCPT TO:<bob@example.org>
      C: DATA
      C: hi
      C: .
      S: 250 ...
      S: 250 ...
      S: 354 ...
      S: 250 ...
    `,
      { profile: 'legacy' },
    );
    expect(messages[0]?.content).toBe('hi\r\n');
  });

  it('may go on with a command all the same', async () => {
    await play(`${hello}
      C: MAIL FROM:<a@b.example>
      C: RCPT TO:<>
      C: DATA
      C: RSET
      C: NOSUCH
      C: NOOP
      S: 250 ...
      S: 501 ...
      S: 554 ...
      S: 250 ...
      S: 500 ...
      S: 250 ...
    `);
  });
});

describe('lines', () => {
  it('refuses one that is too long and goes on behind it', async () => {
    await play(
      `S: 220 ...
      C: NOOP ${'x'.repeat(100)}
      S: 500 5.5.2 ...
      C: NOOP
      S: 250 ...
    `,
      { limits: { commandOctetsMax: 64 } },
    );
  });

  it('does not wait for the end of an endless one', async () => {
    await play(
      `S: 220 ...
      C+ ${'x'.repeat(100_000)}
      S: 500 5.5.2 ...
      S: <closed>
    `,
    );
  });

  it('ends a connection that sends a command with a bare LF', async () => {
    await play(`S: 220 ...
      C+ NOOP\\nNOOP\\r\\n
      S: 500 5.5.2 ...
      S: <closed>
    `);
  });

  it('takes a bare LF behind a command in the legacy profile, and blanks around the colon', async () => {
    await play(
      `S: 220 ...
      C+ NOOP\\n
      S: 250 ...
      C: HELO client.example
      S: 250 ...
      C: MAIL FROM: <a@b.example>
      S: 250 ...
    `,
      { profile: 'legacy' },
    );
  });

  it('sends web browsers away', async () => {
    await play(`S: 220 ...
      C: POST / HTTP/1.1
      C: Host: mx.example.org
      S: 554 ...
      S: <closed>
    `);
  });

  it('knows no joke commands and gives nothing away', async () => {
    await play(`S: 220 ...
      C: WIZ
      S: 500 5.5.1 ...
      C: SHELL
      S: 500 5.5.1 ...
      C: KILL
      S: 500 5.5.1 ...
      C: DEBUG
      S: 500 5.5.1 ...
      C: TURN
      S: 500 5.5.1 ...
      C: SEND FROM:<a@b.example>
      S: 500 5.5.1 ...
      C: VRFY bob
      S: 252 2.1.5 send some mail and see
      C: VRFY nobody-at-all
      S: 252 2.1.5 send some mail and see
      C: EXPN staff
      S: 502 5.5.1 lists are not shown
      C: HELP
      S: 214 2.0.0 see RFC 5321
      C: EHLO no good
      S: 501 ...
      C: LHLO client.example
      S: 500 ...
    `);
  });
});
