import { directoryMemory } from '@postroad/core';
import { playDialogue, startTestMta } from '@postroad/core/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accessPop3 } from '../src/index.js';
import { type Pop3Fixture, startPop3, startWithMail } from './start-pop3.js';

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
      C: USER ${'x'.repeat(8_200)}
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

describe('POP3 and TLS', () => {
  let pop3: Pop3Fixture;
  beforeAll(async () => {
    pop3 = await startWithMail({ plaintextAuth: false });
  });
  afterAll(() => pop3[Symbol.asyncDispose]());

  it('refuses a password before TLS, and offers no way to say one', () =>
    pop3.play(`
      S: +OK ...
      C: CAPA
      S: +OK ...
      S: TOP
      S: UIDL
      S: PIPELINING
      S: RESP-CODES
      S: AUTH-RESP-CODE
      S: EXPIRE NEVER
      S: UTF8 USER
      S: LANG
      S: STLS
      S: IMPLEMENTATION Postroad
      S: .
      C: USER alice@example.org
      S: -ERR a password needs TLS first
      C: PASS wonder land
      S: -ERR a password needs TLS first
      C: AUTH PLAIN ${good}
      S: -ERR a password needs TLS first
      C: AUTH LOGIN
      S: -ERR a password needs TLS first
    `));

  it('upgrades with STLS, once', () =>
    pop3.play(`
      S: +OK ...
      C: STLS
      S: +OK ...
      C: <tls>
      C: CAPA
      S: ...
      S: SASL PLAIN LOGIN
      S: IMPLEMENTATION Postroad
      S: .
      C: STLS
      S: -ERR ...
      C: AUTH PLAIN ${good}
      S: +OK 3 messages ...
      C: STLS
      S: -ERR not now
      C: RETR 1
      S: +OK ...
      S: ...
      S: .
      C: QUIT
      S: +OK ...
      S: <closed>
    `));

  it('forgets what was sent ahead of TLS', () =>
    pop3.play(`
      S: +OK ...
      C: STLS
      C: CAPA
      C: NOOP
      S: +OK begin TLS
      C: <tls>
      C: LANG *
      S: +OK i-default English
    `));

  it('forgets the name that was said before TLS', async () => {
    await using open = await startPop3();
    await open.play(`
      S: +OK ...
      C: USER alice@example.org
      S: +OK ...
      C: STLS
      S: +OK ...
      C: <tls>
      C: PASS wonder land
      S: -ERR USER comes first
    `);
  });

  it('speaks TLS from the first octet on the other port', () =>
    playDialogue(
      { port: pop3.tlsPort, tls: true },
      `
      S: +OK ...
      C: STLS
      S: -ERR ...
      C: USER alice@example.org
      S: +OK ...
      C: PASS wonder land
      S: +OK 3 messages ...
      C: QUIT
      S: +OK ...
      S: <closed>
    `,
    ));

  it('survives a client that says nonsense instead of a handshake', async () => {
    await pop3
      .play(`
      S: +OK ...
      C: STLS
      S: +OK ...
      C: this is no handshake
      S: ...
      S: <closed>
    `)
      .catch(() => undefined);
    await pop3.play('S: +OK ...');
  });
});

describe('the options of access-pop3', () => {
  const validate = (options: unknown) => accessPop3.definition.config?.['~standard'].validate(options);

  it.each([
    [{}, ['port']],
    [{ port: 1, listen: [{ port: 2 }] }, ['port']],
    [{ port: 1, plaintextAuth: true }, ['plaintextAuth']],
    [{ port: 1, host: '192.0.2.1', plaintextAuth: true }, ['plaintextAuth']],
    [{ listen: [{ port: 1, host: '0.0.0.0', plaintextAuth: true }] }, ['listen', 0, 'plaintextAuth']],
    [{ port: 1, prot: 2 }, []],
    [{ port: 1, limits: { idleTimeoutMs: 0 } }, ['limits', 'idleTimeoutMs']],
  ])('refuse %j', async (options, path) => {
    expect((await validate(options))?.issues?.[0]?.path).toEqual(path);
  });

  it('allow passwords without TLS on loopback', async () => {
    expect((await validate({ port: 1, host: '127.0.0.1', plaintextAuth: true }))?.issues).toBeUndefined();
  });

  it('refuse the start of a port on which nobody could log in', async () => {
    const start = startTestMta({
      listeners: [],
      plugins: [directoryMemory({ accounts: [] }), accessPop3({ port: 0, host: '127.0.0.1' })],
    });
    await expect(start).rejects.toThrow(/needs a certificate/);
  });
});
