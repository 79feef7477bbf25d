import { afterAll, beforeAll, describe, it } from 'vitest';
import { type Pop3Fixture, startWithMail } from './start-pop3.js';

const plain = (text: string) => Buffer.from(text).toString('base64');
const good = plain('\0alice@example.org\0wonder land');

describe('POP3 before the login', () => {
  let pop3: Pop3Fixture;
  beforeAll(async () => {
    pop3 = await startWithMail();
  });
  afterAll(() => pop3[Symbol.asyncDispose]());

  it('says what it can do', () =>
    pop3.play(`
      S: +OK ...
      C: capa
      S: +OK ...
      S: TOP
      S: UIDL
      S: PIPELINING
      S: RESP-CODES
      S: AUTH-RESP-CODE
      S: EXPIRE NEVER
      S: UTF8 USER
      S: LANG
      S: USER
      S: SASL PLAIN LOGIN
      S: STLS
      S: IMPLEMENTATION Postroad
      S: .
      C: QUIT
      S: +OK ...
      S: <closed>
    `));

  it('logs in with USER and PASS, blanks in the password included', () =>
    pop3.play(`
      S: +OK ...
      C: USER Alice@example.org
      S: +OK ...
      C: PASS wonder land
      S: +OK 3 messages (...
      C: QUIT
      S: +OK ...
      S: <closed>
    `));

  it('logs in with a name in UTF-8', () =>
    pop3.play(`
      S: +OK ...
      C: UTF8
      S: +OK ...
      C: USER jörg@example.org
      S: +OK ...
      C: PASS schlüssel
      S: +OK 0 messages (0 octets)
    `));

  it('answers a wrong password and an unknown name alike', () =>
    pop3.play(`
      S: +OK ...
      C: USER alice@example.org
      S: +OK password?
      C: PASS wonderland
      S: -ERR [AUTH] wrong name or password
      C: USER nobody
      S: +OK password?
      C: PASS wonderland
      S: -ERR [AUTH] wrong name or password
      # The same session may still log in.
      C: USER alice@example.org
      S: +OK ...
      C: PASS wonder land
      S: +OK 3 ...
    `));

  it('takes PASS only right behind USER', () =>
    pop3.play(`
      S: +OK ...
      C: PASS wonder land
      S: -ERR ...
      C: USER alice@example.org
      S: +OK ...
      C: CAPA
      S: ...
      S: .
      C: PASS wonder land
      S: -ERR USER comes first
      C: USER nobody
      S: +OK ...
      C: USER alice@example.org
      S: +OK ...
      C: PASS wonder land
      S: +OK ...
    `));

  it.each([
    ['PLAIN with an initial response', [`C: AUTH PLAIN ${good}`]],
    ['PLAIN after a challenge', ['C: auth plain', 'S: +', `C: ${good}`]],
    [
      'PLAIN with its own authorization name',
      [`C: AUTH PLAIN ${plain('alice@example.org\0alice@example.org\0wonder land')}`],
    ],
    [
      'LOGIN',
      [
        'C: AUTH LOGIN',
        'S: + VXNlcm5hbWU6',
        `C: ${plain('alice@example.org')}`,
        'S: + UGFzc3dvcmQ6',
        `C: ${plain('wonder land')}`,
      ],
    ],
    [
      'LOGIN with an initial response',
      [`C: AUTH LOGIN ${plain('alice@example.org')}`, 'S: + UGFzc3dvcmQ6', `C: ${plain('wonder land')}`],
    ],
  ])('logs in by SASL %s', (_what, lines) =>
    pop3.play(
      [
        'S: +OK ...',
        ...lines.map((line) => (line === 'S: +' ? 'S: + ' : line)),
        'S: +OK 3 messages ...',
      ].join('\n'),
    ),
  );

  it.each([
    ['a wrong password', `AUTH PLAIN ${plain('\0alice@example.org\0wrong')}`],
    ['no base64', 'AUTH PLAIN !!!!'],
    ['cut base64', 'AUTH PLAIN AGFsaWNl='],
    ['more than any token', `AUTH PLAIN ${'A'.repeat(12_400)}`],
    ['no name', `AUTH PLAIN ${plain('\0\0wonder land')}`],
    ['too many parts', `AUTH PLAIN ${plain('\0alice@example.org\0wonder land\0')}`],
    ['an empty response', 'AUTH PLAIN ='],
    ['octets that are not UTF-8', 'AUTH PLAIN AP9hAGI='],
    ['an unknown mechanism', 'AUTH CRAM-MD5'],
    ['more behind the response', `AUTH PLAIN ${good} x`],
  ])('refuses SASL with %s', (_what, line) =>
    pop3.play(`
      S: +OK ...
      C: ${line}
      S: -ERR ...
      C: STAT
      S: -ERR not now
      C: AUTH PLAIN ${good}
      S: +OK ...
    `),
  );

  it('lets the client cancel, and does not take the answer for a command', () =>
    pop3.play(`
      S: +OK ...
      C: AUTH LOGIN
      S: + ...
      C: *
      S: -ERR ...
      C: AUTH PLAIN
      S: + 
      C: QUIT
      S: -ERR ...
      C: AUTH
      S: +OK ...
      S: PLAIN
      S: LOGIN
      S: .
    `));

  it('closes after five failures', () =>
    pop3.play(`
      S: +OK ...
      ${Array.from({ length: 5 }, () => `C: AUTH PLAIN ${plain('\0a\0b')}\nS: -ERR [AUTH] ...`).join('\n')}
      S: <closed>
    `));

  it('closes after twenty bad commands, one of them endless', () =>
    pop3.play(`
      S: +OK ...
      C: ${'x'.repeat(100_000)}
      S: -ERR line is too long
      C: USER ${'x'.repeat(12_400)}
      S: -ERR line is too long
      ${Array.from({ length: 18 }, (_, at) => `C: ${['STAT', 'FOO', '', 'RETR 1', 'LAST', '\\x00'][at % 6]}\nS: -ERR ...`).join('\n')}
      S: -ERR too many bad commands
      S: <closed>
    `));

  it('has languages, of which we speak one', () =>
    pop3.play(`
      S: +OK ...
      C: LANG
      S: +OK ...
      S: i-default English
      S: en English
      S: .
      C: LANG *
      S: +OK i-default ...
      C: LANG EN-GB
      S: +OK en ...
      C: LANG tlh
      S: -ERR ...
    `));

  it('gives nobody the command of a second session', () =>
    pop3.play(`
      S: +OK ...
      C: USER alice@example.org\\nPASS wonder land
      S: +OK ...
      S: +OK 3 ...
    `));
});
