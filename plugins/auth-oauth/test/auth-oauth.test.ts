import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { BearerTokens, definePlugin, directoryMemory } from '@postroad/core';
import { playDialogue, startTestMta, type TestMta } from '@postroad/core/testing';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type AuthOauthOptions, authOauth } from '../src/index.js';

type Claims = Readonly<Record<string, unknown>>;

const issuer = 'https://id.example/';
const nowS = () => Math.floor(new Date().getTime() / 1_000);

let keys: Awaited<ReturnType<typeof generateKeyPair>>;
let otherKeys: Awaited<ReturnType<typeof generateKeyPair>>;
let jwks: { keys: Readonly<Record<string, unknown>>[] };
beforeAll(async () => {
  keys = await generateKeyPair('ES256');
  otherKeys = await generateKeyPair('ES256');
  jwks = { keys: [{ ...(await exportJWK(keys.publicKey)), kid: 'one', alg: 'ES256', use: 'sig' }] };
});

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function serve(answer: (text: string, request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => {
      text += chunk;
    });
    request.on('end', () => answer(text, request, response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  closing.push(close);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, close };
}

async function start(
  options: AuthOauthOptions,
): Promise<{ readonly tokens: BearerTokens; readonly mta: TestMta }> {
  let tokens: BearerTokens | undefined;
  const probe = definePlugin({
    name: 'probe',
    needs: { tokens: BearerTokens },
    setup({ services }) {
      tokens = services.tokens;
    },
  });
  const mta = await startTestMta({
    listeners: [{ port: 0, host: '127.0.0.1', role: 'submission', plaintextAuth: true }],
    plugins: [
      directoryMemory({
        accounts: [
          { address: 'alice@example.org', login: 'alice', password: 'x', addresses: ['sales@example.org'] },
          { address: 'bob@example.org', password: 'x' },
        ],
      }),
      authOauth(options),
      probe(),
    ],
  });
  closing.push(() => mta.stop());
  if (tokens === undefined) throw new Error('there are no tokens');
  return { tokens, mta };
}

function sign(
  claims: Claims = {},
  header: Readonly<Record<string, unknown>> = {},
  by = keys,
): Promise<string> {
  const own = { iss: issuer, aud: 'mail', email: 'alice@example.org', exp: nowS() + 300 };
  return new SignJWT({ ...own, ...claims } as JWTPayload)
    .setProtectedHeader({ alg: 'ES256', kid: 'one', ...header })
    .sign(by.privateKey);
}

describe('signed tokens', () => {
  let tokens: BearerTokens;
  let mta: TestMta;
  beforeAll(async () => {
    ({ tokens, mta } = await start({ issuers: [{ issuer, jwks, audience: ['mail'] }] }));
    // It lives as long as the tests of this block.
    closing.splice(0);
  });
  afterAll(() => mta.stop());

  it.each<[string, () => Promise<string>]>([
    ['of another signer', () => sign({}, {}, otherKeys)],
    ['of a key that is not known', () => sign({}, { kid: 'two' })],
    ['that have ended', () => sign({ exp: nowS() - 60 })],
    ['without an end', () => sign({ exp: undefined })],
    ['that are not valid yet', () => sign({ nbf: nowS() + 600 })],
    ['for somebody else', () => sign({ aud: 'calendar' })],
    ['for nobody', () => sign({ aud: undefined })],
    ['without a name', () => sign({ email: undefined })],
    ['with an address that is not verified', () => sign({ email_verified: false })],
    ['with an address of which words say so', () => sign({ email_verified: 'false' })],
    ['of another issuer', () => sign({ iss: 'https://evil.example/' })],
    ['that are cut', async () => (await sign()).slice(0, -4)],
    ['that are changed', async () => changed(await sign())],
    ['without signature', async () => unsigned()],
    ['with a shared key', () => signedWithSharedKey()],
    ['that are none', async () => 'x'],
    ['that are too long', async () => `${await sign()}.${'x'.repeat(20_000)}`],
  ])('%s are refused', async (_what, make) => {
    expect(await tokens.subjectOf(await make())).toBeUndefined();
  });

  it('speak for whom their claim names', async () => {
    expect(await tokens.subjectOf(await sign())).toBe('alice@example.org');
    const { tokens: scoped } = await start({
      issuers: [{ issuer, jwks, audience: ['mail', 'other'], scope: ['imap'] }],
    });
    expect(await scoped.subjectOf(await sign({ scope: 'openid imap' }))).toBe('alice@example.org');
    expect(await scoped.subjectOf(await sign({ scp: ['imap'], aud: ['x', 'other'] }))).toBe(
      'alice@example.org',
    );
    expect(scoped.scope).toBe('imap');
    for (const claims of [{}, { scope: 'openid' }, { scp: ['smtp'] }, { scope: 'imapx' }])
      expect(await scoped.subjectOf(await sign(claims)), JSON.stringify(claims)).toBeUndefined();
    expect(await tokens.subjectOf(await sign({ email_verified: 'true' }))).toBe('alice@example.org');
  });

  it('are checked with keys that are fetched, and put off while there are none', async () => {
    let isUp = false;
    let fetched = 0;
    const service = await serve((_text, _request, response) => {
      fetched++;
      response.writeHead(isUp ? 200 : 500).end(JSON.stringify(jwks));
    });
    const { tokens } = await start({ issuers: [{ issuer, jwksUrl: service.url, audience: ['mail'] }] });
    const token = await sign();
    await expect(tokens.subjectOf(token)).rejects.toMatchObject({ code: 'E_DIRECTORY' });
    isUp = true;
    expect(await tokens.subjectOf(token)).toBe('alice@example.org');
    const before = fetched;
    // A stranger's tokens do not make us fetch keys over and over.
    for (let at = 0; at < 5; at++) await tokens.subjectOf(await sign({}, { kid: `k${at}` }));
    expect(fetched - before).toBeLessThanOrEqual(1);
  });
});

describe('tokens that are asked about', () => {
  const asked = { clientId: 'mail server', clientSecret: 'a:b%', scope: ['mail'] };

  it('are as good as the answer, and remembered by their end', async () => {
    const questions: string[] = [];
    const service = await serve((text, request, response) => {
      questions.push(`${Buffer.from(request.headers.authorization?.slice(6) ?? '', 'base64')} ${text}`);
      const token = new URLSearchParams(text).get('token');
      const claims = { active: true, scope: 'mail more', email: 'bob@example.org', exp: nowS() + 300 };
      const answers: Readonly<Record<string, unknown>> = {
        good: claims,
        ended: { ...claims, exp: nowS() - 1 },
        inactive: { active: false },
        foreign: { ...claims, scope: 'calendar' },
        text: { ...claims, active: 'true' },
      };
      response.end(JSON.stringify(answers[token ?? ''] ?? { active: false }));
    });
    const { tokens: here } = await start({ introspection: { url: service.url, ...asked } });
    expect(await here.subjectOf('good')).toBe('bob@example.org');
    expect(await here.subjectOf('good')).toBe('bob@example.org');
    expect(questions).toEqual(['mail+server:a%3Ab%25 token=good&token_type_hint=access_token']);
    for (const token of ['ended', 'inactive', 'foreign', 'text', 'unknown']) {
      expect(await here.subjectOf(token), token).toBeUndefined();
    }
  });

  let answerNow: (response: ServerResponse, request: IncomingMessage) => void;
  let tokens: BearerTokens;
  const opened: (() => Promise<unknown>)[] = [];
  beforeAll(async () => {
    const service = await serve((_text, request, response) => answerNow(response, request));
    ({ tokens } = await start({ timeoutMs: 300, introspection: { url: service.url, ...asked } }));
    // They live as long as the tests of this block.
    opened.push(...closing.splice(0));
  });
  afterAll(async () => {
    for (const close of opened.reverse()) await close();
  });

  it.each<[string, (response: ServerResponse, request: IncomingMessage) => void]>([
    ['says no', (response) => void response.writeHead(401).end('{}')],
    [
      'sends us elsewhere',
      (response, { url }) => {
        if (url !== '/x') response.writeHead(307, { location: '/x' }).end();
        else response.end('{"active":true,"scope":"mail","email":"bob@example.org"}');
      },
    ],
    ['tells no JSON', (response) => void response.end('active')],
    ['tells too much', (response) => void response.end(`"${'x'.repeat(100_000)}"`)],
    ['breaks off', (_response, request) => void request.socket.destroy()],
    ['says nothing', () => {}],
  ])('are put off when who is asked %s', async (_what, answer) => {
    answerNow = answer;
    await expect(tokens.subjectOf('good')).rejects.toMatchObject({ code: 'E_DIRECTORY' });
  });
});

describe('logins with a token', () => {
  let mta: TestMta;
  let good: string;
  const b64 = (text: string) => Buffer.from(text).toString('base64');
  const oauthBearer = (token: string, name = '') =>
    b64(`n,${name === '' ? '' : `a=${name}`},\x01auth=Bearer ${token}\x01\x01`);
  const play = (script: string) =>
    playDialogue(
      { port: mta.port('submission:0') },
      `S: 220 ...\nC: EHLO client.example\nS: ...\nS: 250 ...\n${script}`,
    );

  beforeAll(async () => {
    const openIdConfiguration = 'https://id.example/.well-known/openid-configuration';
    ({ mta } = await start({
      issuers: [{ issuer, jwks, audience: ['mail'], scope: ['imap'] }],
      openIdConfiguration,
    }));
    // It lives as long as the tests of this block.
    closing.splice(0);
    good = await sign({ scope: 'imap' });
  });
  afterAll(() => mta.stop());

  it.each([
    ['OAUTHBEARER', () => `AUTH OAUTHBEARER ${oauthBearer(good)}`],
    ['OAUTHBEARER with the login', () => `AUTH OAUTHBEARER ${oauthBearer(good, 'Alice')}`],
    [
      'OAUTHBEARER with an address of hers',
      () => `AUTH OAUTHBEARER ${oauthBearer(good, 'sales@example.org')}`,
    ],
    ['XOAUTH2', () => `AUTH XOAUTH2 ${b64(`user=alice@example.org\x01auth=Bearer ${good}\x01\x01`)}`],
  ])('by %s', async (_what, command) => {
    await play(`C: ${command()}\nS: 235 ...`);
  });

  it('are refused with hints, and end with the answer to them', async () => {
    const hints = b64(
      '{"status":"invalid_token","scope":"imap","openid-configuration":"https://id.example/.well-known/openid-configuration"}',
    );
    await play(
      `C: AUTH OAUTHBEARER ${oauthBearer('wrong')}\nS: 334 ${hints}\nC: ${b64('\x01')}\nS: 535 5.7.8 ...`,
    );
    await play(
      `C: AUTH XOAUTH2 ${b64(`user=bob@example.org\x01auth=Bearer ${good}\x01\x01`)}\nS: 334 ...\nC: \nS: 535 5.7.8 ...`,
    );
    await play(
      `C: AUTH OAUTHBEARER ${oauthBearer(good, 'bob@example.org')}\nS: 334 ...\nC: AQ==\nS: 535 5.7.8 ...`,
    );
  });
});

it.each<[string, AuthOauthOptions]>([
  ['nothing to check with', {}],
  ['no audience and no scope', { issuers: [{ issuer, jwks: { keys: [{}] } }] }],
  ['no keys', { issuers: [{ issuer, audience: ['mail'] }] }],
  ['shared keys', { issuers: [{ issuer, jwks: { keys: [{}] }, audience: ['mail'], algorithms: ['HS256'] }] }],
  [
    'a server in clear text',
    { introspection: { url: 'http://id.example/', clientId: 'a', clientSecret: 'b', audience: ['mail'] } },
  ],
])('refuses options with %s', async (_what, options) => {
  await expect(start(options)).rejects.toThrow(/auth-oauth/);
});

function changed(token: string): string {
  const [head, payload = '', signature] = token.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as JWTPayload;
  const other = Buffer.from(JSON.stringify({ ...claims, email: 'bob@example.org' })).toString('base64url');
  return `${head}.${other}.${signature}`;
}

function unsigned(): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none' })}.${part({ iss: issuer, aud: 'mail', email: 'alice@example.org', exp: nowS() + 300 })}.`;
}

/** The old trick: the public key taken for a secret. */
async function signedWithSharedKey(): Promise<string> {
  const secret = new TextEncoder().encode(JSON.stringify(await exportJWK(keys.publicKey)));
  return new SignJWT({ iss: issuer, aud: 'mail', email: 'alice@example.org', exp: nowS() + 300 })
    .setProtectedHeader({ alg: 'HS256', kid: 'one' })
    .sign(secret);
}
