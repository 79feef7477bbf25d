/** Whose account credentials prove: never that of somebody else, whatever the client calls itself. */
import { describe, expect, it } from 'vitest';
import { ConnectionState } from '../context/connection.js';
import { createDirectoryMemory, directoryMemory } from '../memory/directory-memory.js';
import { definePlugin } from '../plugin/define.js';
import type { BearerTokens } from '../services/bearer-tokens.js';
import { playDialogue } from '../testing/dialogue.js';
import { startTestMta } from '../testing/start-test-mta.js';
import type { Credentials } from '../values/identity.js';
import { accept } from '../values/verdict.js';
import { proveAccount } from './prove-account.js';

const accounts = [
  { address: 'alice@example.org', id: 'alice', password: 'x', addresses: ['a@other.example'] },
  { address: 'bob@example.org', id: 'bob', password: 'x', protocols: ['imap'] },
  { address: 'carol@example.org', id: 'carol', password: 'x', isDisabled: true },
];
const tokens: BearerTokens = {
  subjectOf: async (token) =>
    ({
      a: 'alice@example.org',
      o: 'a@other.example',
      b: 'bob@example.org',
      c: 'carol@example.org',
      n: 'nobody',
    })[token],
};

/** The id of the account, or `none`. */
async function provenBy(credentials: Credentials, protocol = 'smtp'): Promise<string> {
  const facts = {
    id: 'c',
    protocol,
    role: 'submission',
    listener: 'l',
    remotePort: 1,
    localPort: 1,
  } as const;
  const connection = new ConnectionState({
    ...facts,
    ...{ remoteAddress: '192.0.2.1', localAddress: '192.0.2.2', openedAtMs: 0 },
  } as ConstructorParameters<typeof ConnectionState>[0]);
  const proof = await proveAccount(connection, credentials, createDirectoryMemory(accounts), tokens);
  return proof.status === 'proven' ? proof.account.id : 'none';
}

const bearer = (token: string, login: string, authorizationId = login): Credentials => ({
  ...{ kind: 'bearer', mechanism: 'XOAUTH2', token, login, authorizationId },
});
const certificate = (emails: readonly string[], authorizationId: string): Credentials => ({
  ...{ kind: 'certificate', mechanism: 'EXTERNAL', login: '', authorizationId },
  certificate: { subject: 'CN=x', emails } as never,
});
const password = (login: string, authorizationId: string): Credentials => ({
  ...{ kind: 'password', mechanism: 'PLAIN', login, password: 'x', authorizationId },
});

describe('an account is proven', () => {
  it.each<[string, Credentials, string]>([
    ['a token', bearer('a', ''), 'alice'],
    ['a token with its login', bearer('a', 'ALICE@example.org'), 'alice'],
    ['a token with another address of its account', bearer('a', 'a@other.example'), 'alice'],
    ['a token whose subject is an address', bearer('o', ''), 'alice'],
    ['a token with the login of somebody else', bearer('a', 'bob@example.org'), 'none'],
    ['a token that acts for somebody else', bearer('a', '', 'bob@example.org'), 'none'],
    ['a token of nobody', bearer('n', ''), 'none'],
    ['a token that is none', bearer('x', 'alice@example.org'), 'none'],
    ['a token of who is disabled', bearer('c', ''), 'none'],
    ['a token of who may only read', bearer('b', ''), 'none'],
    ['a certificate', certificate(['alice@example.org'], ''), 'alice'],
    [
      'a certificate of two, for the second',
      certificate(['bob@example.org', 'a@other.example'], 'alice@example.org'),
      'alice',
    ],
    ['a certificate for somebody else', certificate(['alice@example.org'], 'bob@example.org'), 'none'],
    ['a certificate of who is disabled', certificate(['carol@example.org'], ''), 'none'],
    ['a certificate of nobody', certificate(['x y', 'mallory@example.org'], ''), 'none'],
    ['a certificate without addresses', certificate([], 'alice@example.org'), 'none'],
    ['a password', password('alice@example.org', ''), 'alice'],
    [
      'a password, for another address of the account',
      password('alice@example.org', 'A@other.example'),
      'alice',
    ],
    ['a password, for somebody else', password('alice@example.org', 'bob@example.org'), 'none'],
    ['a password of who may only read', password('bob@example.org', ''), 'none'],
  ])('or not: %s', async (_what, credentials, expected) => {
    expect(await provenBy(credentials)).toBe(expected);
  });

  it('for the protocols that it may use', async () => {
    expect(await provenBy(password('bob@example.org', ''), 'imap')).toBe('bob');
    expect(await provenBy(bearer('b', ''), 'imap')).toBe('bob');
    expect(await provenBy(bearer('b', ''), 'pop3')).toBe('none');
  });
});

it('who has logged in sends as sub-addresses of its own, and of nobody else', async () => {
  const takeAll = definePlugin({ name: 'take-all', setup: ({ tap }) => tap('recipient', () => accept()) });
  await using server = await startTestMta({
    plugins: [directoryMemory({ accounts }), takeAll()],
    listeners: [{ name: 'in', host: '127.0.0.1', port: 0, role: 'submission', plaintextAuth: true }],
  });
  await playDialogue(
    { port: server.port('in') },
    `S: 220 ...
    C: EHLO client.example
    S: ...
    S: 250 ...
    C: AUTH PLAIN ${Buffer.from('\0alice@example.org\0x').toString('base64')}
    S: 235 ...
    C: MAIL FROM:<bob+list@example.org>
    S: 553 5.7.1 ...
    C: MAIL FROM:<nobody+list@example.org>
    S: 553 5.7.1 ...
    C: MAIL FROM:<+alice@example.org>
    S: 553 5.7.1 ...
    C: MAIL FROM:<alice+list@example.org>
    S: 250 ...`,
  );
});
