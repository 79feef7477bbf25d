import { playDialogue } from '@postroad/core/testing';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { type Pop3Fixture, startPop3, startWithMail } from './start-pop3.js';

const plain = (text: string) => Buffer.from(text).toString('base64');
const good = plain('\0alice@example.org\0wonder land');

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
