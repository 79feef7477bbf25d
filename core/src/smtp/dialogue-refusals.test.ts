import { afterEach, describe, expect, it } from 'vitest';
import { createPlayedReceivers, hello } from '../testing/played-receivers.js';
import { reply } from '../values/reply.js';

const { play, close } = createPlayedReceivers();

const envelope = `
  C: MAIL FROM:<a@b.example>
  S: 250 ...
  C: RCPT TO:<bob@example.org>
  S: 250 ...
`;

afterEach(close);

describe('order', () => {
  it('refuses what comes at the wrong time with 503', async () => {
    await play(`
      S: 220 ...
      C: MAIL FROM:<a@b.example>
      S: 503 5.5.1 ...
      C: RCPT TO:<a@b.example>
      S: 503 5.5.1 ...
      C: DATA
      S: 503 5.5.1 ...
      C: BDAT 4
      C+ NOOP
      S: 503 5.5.1 ...
      C: EHLO client.example
      S: ...
      S: 250 ...
      C: MAIL FROM:<a@b.example>
      S: 250 ...
      C: MAIL FROM:<a@b.example>
      S: 503 5.5.1 ...
      C: DATA
      S: 503 5.5.1 ...
      C: RCPT TO:<not a path>
      S: 501 5.1.3 ...
      C: DATA
      S: 554 5.5.1 no valid recipients
      C: RSET
      S: 250 ...
      C: RCPT TO:<a@b.example>
      S: 503 5.5.1 ...
      C: MAIL FROM:<a@b.example>
      S: 250 ...
      C: EHLO client.example
      S: ...
      S: 250 ...
      C: RCPT TO:<a@b.example>
      S: 503 5.5.1 MAIL first
    `);
  });

  it('takes no greeting that was refused for one', async () => {
    await play(
      `S: 220 ...
      C: EHLO client.example
      S: 550 5.7.1 not you
      C: MAIL FROM:<a@b.example>
      S: 503 5.5.1 say hello first
    `,
      { policy: { hello: () => ({ reply: reply(550, '7.1', 'not you') }) } },
    );
  });

  it('closes after too many errors', async () => {
    await play(
      `${hello}
      C: FOO
      S: 500 5.5.1 ...
      C: FOO
      S: 500 5.5.1 ...
      C: FOO
      S: 500 5.5.1 ...
      S: 421 4.7.0 too many errors
      S: <closed>
    `,
      { limits: { errorsMax: 3 } },
    );
  });

  it('counts refusals that policy takes its time for', async () => {
    await play(
      `${hello}
      C: MAIL FROM:<a@b.example>
      S: 250 ...
      C: RCPT TO:<x@example.org>
      S: 550 5.1.1 ...
      C: RCPT TO:<y@example.org>
      S: 550 5.1.1 ...
      S: 421 ...
      S: <closed>
    `,
      {
        limits: { errorsMax: 2 },
        policy: {
          recipient: async () => ({ reply: { code: 550, detail: '1.1', text: 'no such user' } }),
        },
      },
    );
  });
});

describe('MAIL and RCPT', () => {
  const cases: readonly [string, string][] = [
    ['MAIL FROM: <a@b.example>', '501 5.1.7'],
    ['MAIL FROM:a@b.example', '501 5.1.7'],
    ['MAIL FROM:<a@b.example', '501 5.1.7'],
    ['MAIL FROM:<postmaster>', '501 5.1.7'],
    ['MAIL FROM:<a@-b.example>', '501 5.1.7'],
    ['MAIL FROM:<a@[IPv6:::::]>', '501 5.1.7'],
    ['MAIL FROM:<a@[IPv6:1:2:3]>', '501 5.1.7'],
    ['MAIL FROM:<a@[192.0.2.256]>', '501 5.1.7'],
    ['MAIL FROM:<a@[example]>', '501 5.1.7'],
    ['MAIL FROM:<"a@b.example>', '501 5.1.7'],
    ['MAIL FROM:<a b@b.example>', '501 5.1.7'],
    ['MAIL FROM:<a..c@b.example>', '501 5.1.7'],
    ['MAIL FROM:<a@b..example>', '501 5.1.7'],
    ['MAIL FROM:<@relay.example>', '501 5.1.7'],
    [`MAIL FROM:<${'a'.repeat(60)}@${'b.'.repeat(94)}example>`, '501 5.1.7'],
    [`MAIL FROM:<${'a'.repeat(65)}@b.example>`, '501 5.1.7'],
    [`MAIL FROM:<a@${'b'.repeat(64)}.example>`, '501 5.1.7'],
    ['MAIL FROM:<a@b.example>SIZE=1', '501 5.5.4'],
    ['MAIL FROM:<a@b.example>  SIZE=1', '501 5.5.4'],
    ['MAIL FROM:<a@b.example> SIZE=1 SIZE=1', '501 5.5.4'],
    ['MAIL FROM:<a@b.example> SIZE=x', '501 5.5.4'],
    ['MAIL FROM:<a@b.example> SIZE=99999999999', '552 5.3.4'],
    ['MAIL FROM:<a@b.example> NOSUCH=1', '555 5.5.4'],
    ['MAIL FROM:<a@b.example> BODY=9BIT', '501 5.5.4'],
    ['MAIL FROM:<a@b.example> SMTPUTF8=1', '501 5.5.4'],
    ['MAIL FROM:<a@b.example> RET=SOME', '501 5.5.4'],
    ['MAIL FROM:<a@b.example> ENVID=a+0D+0Ab', '501 5.5.4'],
    [`MAIL FROM:<a@b.example> ENVID=${'a'.repeat(101)}`, '501 5.5.4'],
    [`MAIL FROM:<a@b.example>${Array.from({ length: 33 }, (_, at) => ` X${at}=1`).join('')}`, '501 5.5.4'],
    [`MAIL FROM:<"${'a b'.repeat(22)}"@b.example>`, '501 5.1.7'],
    ['MAIL FROM:<""@b.example>', '501 5.1.7'],
    ['MAIL FROM:<a@b.example> AUTH=<>', '555 5.5.4'],
    ['MAIL FROM:<a@b.example> REQUIRETLS', '555 5.5.4'],
    ['MAIL FROM:<a@b.example> HOLDFOR=60', '555 5.5.4'],
    ['MAIL FROM:<a@b.example> BY=0;R', '501 5.5.4'],
    ['MAIL FROM:<a@b.example> MT-PRIORITY=10', '501 5.5.4'],
    ['MAIL FROM:<grün@b.example>', '553 5.6.7'],
    ['MAIL FROM:<gr\\xfcn@b.example> SMTPUTF8', '500 5.5.2'],
    ['MAIL FROM:<a\\0@b.example>', '500 5.5.2'],
    ['MAIL FROM:<a@b.example\\r>', '500 5.5.2'],
    ['NOOP \\xc3\\xbc', '500 5.5.2'],
  ];
  it.each(cases)('%s gets %s', async (command, code) => {
    const { refusals } = await play(`${hello}
      C: ${command}
      S: ${code} ...
      C: MAIL FROM:<a@b.example>
      S: 250 ...
    `);
    expect(refusals).toHaveLength(1);
  });

  it.each([
    ['RCPT TO:<>', '501 5.1.3'],
    ['RCPT TO:<bob@>', '501 5.1.3'],
    ['RCPT TO:<"bob@example.org>', '501 5.1.3'],
    ['RCPT TO:<bob@example.org> NOTIFY=NEVER,DELAY', '501 5.5.4'],
    ['RCPT TO:<bob@example.org> NOTIFY', '501 5.5.4'],
    ['RCPT TO:<bob@example.org> ORCPT=bob', '501 5.5.4'],
    ['RCPT TO:<bob@example.org> ORCPT=rfc822;', '501 5.5.4'],
    [`RCPT TO:<bob@example.org> ORCPT=rfc822;${'b'.repeat(494)}`, '501 5.5.4'],
    ['RCPT TO:<bob@example.org> SIZE=1', '555 5.5.4'],
    ['RCPT TO:<bøb@example.org>', '553 5.6.7'],
  ])('%s gets %s', async (command, code) => {
    await play(`${hello}
      C: MAIL FROM:<a@b.example>
      S: 250 ...
      C: ${command}
      S: ${code} ...
      C: RCPT TO:<@relay.example,@other.example:bob@[IPv6:::1]>
      S: 250 ...
    `);
  });

  it.each([
    ['<>', null],
    ['<"a b@c"@b.example>', { localPart: 'a b@c', domain: 'b.example' }],
    ['<"quo\\"te"@b.example>', { localPart: 'quo"te', domain: 'b.example' }],
    ['<@one.example,@two.example:a@b.example>', { localPart: 'a', domain: 'b.example' }],
    ['<a@[192.0.2.1]>', { localPart: 'a', domain: '[192.0.2.1]' }],
    ['<a@[IPv6:2001:DB8::1]>', { localPart: 'a', domain: '[ipv6:2001:db8::1]' }],
    [`<${'a'.repeat(64)}@b.example>`, { localPart: 'a'.repeat(64), domain: 'b.example' }],
  ])('takes the path %s', async (path, reversePath) => {
    const { messages } = await play(`${hello}
      C: MAIL FROM:${path.replaceAll('\\', '\\\\')}
      S: 250 ...
      C: RCPT TO:<Postmaster>
      S: 250 ...
      C: DATA
      S: 354 ...
      C: .
      S: 250 ...
    `);
    expect(messages[0]?.envelope.reversePath).toEqual(reversePath);
  });

  it('refuses parameters of a client that said HELO', async () => {
    await play(`
      S: 220 ...
      C: HELO client.example
      S: 250 mx.example.org
      C: MAIL FROM:<a@b.example> SIZE=1
      S: 555 5.5.4 ...
      C: MAIL FROM:<a@b.example>
      S: 250 ...
      C: RCPT TO:<bob@example.org> NOTIFY=NEVER
      S: 555 5.5.4 ...
      C: RCPT TO:<bob@example.org>
      S: 250 ...
    `);
  });

  it('takes addresses and texts in UTF-8 once SMTPUTF8 was asked for', async () => {
    const { messages } = await play(`${hello}
      C: MAIL FROM:<grün@b.example> SMTPUTF8
      S: 250 ...
      C: RCPT TO:<bøb@bücher.example>
      S: 250 ...
      C: DATA
      S: 354 ...
      C: .
      S: 250 ...
    `);
    expect(messages[0]?.envelope.recipients[0]?.address).toEqual({
      localPart: 'bøb',
      domain: 'bücher.example',
    });
  });

  it('takes no more recipients than allowed', async () => {
    await play(
      `${hello}${envelope}
      C: RCPT TO:<b@example.org>
      S: 452 4.5.3 ...
    `,
      { limits: { recipientsMax: 1 } },
    );
  });
});
