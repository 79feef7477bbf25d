import { describe, expect, test } from 'vitest';
import { harness, lmtp, serve, smtp, told } from './scene.js';
import { polite } from './scripted-server.js';

describe('a transaction', () => {
  test('goes in one write with PIPELINING, the message unchanged below our header', async () => {
    const server = await serve(polite());
    const content = 'Subject: dots\r\n\r\n.one\r\n..two\r\na.b\r\n.\r\nlast';
    const report = await harness().deliver(smtp(server), { content, prefix: 'Received: here\r\n' });
    expect(told(report)).toEqual(['delivered 250 2.0.0 taken']);
    expect(report.outcomes[0]?.remote).toEqual({ name: 'localhost', address: '127.0.0.1' });
    expect(server.lines).toEqual([
      'EHLO out.example.org',
      'MAIL FROM:<alice@example.org> SIZE=58',
      'RCPT TO:<bob@example.net>',
      'DATA',
    ]);
    expect(server.messages[0]?.toString()).toBe(
      'Received: here\r\nSubject: dots\r\n\r\n..one\r\n...two\r\na.b\r\n..\r\nlast\r\n',
    );
  });

  test('goes step by step without PIPELINING, also to a server that knows only HELO', async () => {
    const server = await serve(
      polite({ answer: (line) => (line.startsWith('EHLO') ? '502 what?' : undefined) }),
    );
    expect(told(await harness().deliver(smtp(server)))).toEqual(['delivered 250 2.0.0 taken']);
    expect(server.lines.slice(1)).toEqual([
      'HELO out.example.org',
      'MAIL FROM:<alice@example.org>',
      'RCPT TO:<bob@example.net>',
      'DATA',
    ]);
  });

  test.each([[['PIPELINING']], [[]]])('gives each recipient its own answer (offers %s)', async (offers) => {
    const server = await serve(
      polite({
        offers,
        answer: (line) =>
          line.includes('<gone@')
            ? '550 5.1.1 no such user'
            : line.includes('<full@')
              ? '452 4.2.2 full'
              : undefined,
      }),
    );
    const to = ['a@example.net', 'gone@example.net', 'full@example.net', 'b@example.net'];
    expect(told(await harness().deliver(smtp(server), { to }))).toEqual([
      'delivered 250 2.0.0 taken',
      'failed 550 5.1.1 no such user',
      'deferred 452 4.2.2 full',
      'delivered 250 2.0.0 taken',
    ]);
  });

  test('sends nothing when nobody is accepted, even if the server wants the message', async () => {
    const server = await serve(
      polite({ answer: (line) => (line.startsWith('RCPT') ? '550 5.7.1 no' : undefined) }),
    );
    const { deliver } = harness();
    expect(told(await deliver(smtp(server)))).toEqual(['failed 550 5.7.1 no']);
    expect(server.messages.map(String)).toEqual(['']);
    await deliver(smtp(server));
    expect(server.connections).toBe(1);
    expect(server.lines).toContain('RSET');
  });

  test('uses the answer to MAIL for all when the sender is refused', async () => {
    const server = await serve(
      polite({
        answer: (line) =>
          line.startsWith('MAIL')
            ? '553 5.1.8 not you'
            : /^RCPT|^DATA/.test(line)
              ? '503 no MAIL'
              : undefined,
      }),
    );
    expect(told(await harness().deliver(smtp(server), { to: ['a@example.net', 'b@example.net'] }))).toEqual([
      'failed 553 5.1.8 not you',
      'failed 553 5.1.8 not you',
    ]);
  });

  test('sends the recipients that were too many in another transaction', async () => {
    let taken = 0;
    const server = await serve(
      polite({
        answer: (line) => {
          if (line.startsWith('MAIL')) taken = 0;
          return line.startsWith('RCPT') && ++taken > 2 ? '452 4.5.3 too many recipients' : undefined;
        },
      }),
    );
    const to = ['a', 'b', 'c', 'd', 'e'].map((name) => `${name}@example.net`);
    const report = await harness().deliver(smtp(server), { to });
    expect(told(report)).toEqual(Array(5).fill('delivered 250 2.0.0 taken'));
    expect(server.messages).toHaveLength(3);
    expect(server.connections).toBe(1);
  });

  test('takes one answer a recipient from an LMTP server', async () => {
    const server = await serve(
      polite({ isLmtp: true, final: () => ['250 2.0.0 stored', '552 5.2.2 over quota', '451 4.3.0 later'] }),
    );
    const to = ['a@example.net', 'b@example.net', 'c@example.net'];
    expect(told(await harness().deliver(lmtp(server), { to }))).toEqual([
      'delivered 250 2.0.0 stored',
      'failed 552 5.2.2 over quota',
      'deferred 451 4.3.0 later',
    ]);
    expect(server.lines[0]).toBe('LHLO out.example.org');
  });

  test('passes DSN parameters on for each recipient, and says that the duty went with them', async () => {
    const server = await serve(polite({ offers: ['PIPELINING', 'DSN'] }));
    const report = await harness().deliver(smtp(server), {
      parameters: { ret: 'hdrs', envid: 'a+b c' },
      to: [{ notify: ['success', 'delay'], orcpt: 'rfc822;b ob@example.net' }, { notify: 'never' }, {}],
    });
    expect(server.lines.slice(1, 5)).toEqual([
      'MAIL FROM:<alice@example.org> RET=HDRS ENVID=a+2Bb+20c',
      'RCPT TO:<bob@example.net> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b+20ob@example.net',
      'RCPT TO:<bob@example.net> NOTIFY=NEVER',
      'RCPT TO:<bob@example.net>',
    ]);
    expect(report.outcomes.every(({ dsnPassedOn }) => dsnPassedOn === true)).toBe(true);
  });

  test('does not offer what the server can not take', async () => {
    const server = await serve(polite({ offers: ['PIPELINING', 'SIZE 20'] }));
    expect(told(await harness().deliver(smtp(server)))).toEqual([
      'failed 552 5.3.4 the message is larger than the next server takes',
    ]);
    const old = await serve(polite({ offers: ['PIPELINING'] }));
    const utf8 = await harness().deliver(smtp(old), {
      to: [{ address: { localPart: 'bü', domain: 'example.net' } }, {}],
    });
    expect(told(utf8)).toEqual([
      'failed 550 5.6.7 the next server does not take UTF-8 addresses',
      'delivered 250 2.0.0 taken',
    ]);
  });

  test('speaks of UTF-8 only where it is needed, and uses A-labels where it is not offered', async () => {
    const able = await serve(polite({ offers: ['PIPELINING', 'SMTPUTF8', '8BITMIME'] }));
    const address = { localPart: 'bü', domain: 'bücher.example' };
    await harness().deliver(smtp(able), { to: [{ address }], parameters: { smtpUtf8: true } });
    expect(able.lines.slice(1, 3)).toEqual([
      'MAIL FROM:<alice@example.org> SMTPUTF8',
      'RCPT TO:<bü@bücher.example>',
    ]);
    const old = await serve(polite());
    await harness().deliver(smtp(old), { to: [{ address: { localPart: 'bob', domain: 'bücher.example' } }] });
    expect(old.lines[2]).toBe('RCPT TO:<bob@xn--bcher-kva.example>');
  });

  test('declares eight bits', async () => {
    const server = await serve(polite());
    await harness().deliver(smtp(server), { content: 'Subject: x\r\n\r\nü\r\n' });
    expect(server.lines[1]).toBe('MAIL FROM:<alice@example.org> SIZE=18 BODY=8BITMIME');
  });

  test('never sends a bare CR or LF', async () => {
    const server = await serve(polite());
    await harness().deliver(smtp(server), { content: 'Subject: x\r\n\r\na\n.\nb\r.\rc\r\n' });
    expect(server.messages[0]?.toString()).toBe('Subject: x\r\n\r\na\r\n..\r\nb\r\n..\r\nc\r\n');
  });
});
