import { describe, expect, it } from 'vitest';
import { ConnectionState } from '../context/connection.js';
import type { AuthenticationResult, SaslExchange, SaslStep } from '../services/authenticator.js';
import { createVirtualClock } from '../testing/virtual-clock.js';
import type { Credentials } from '../values/identity.js';
import { reply } from '../values/reply.js';
import { decodeInitialResponse, decodeResponse } from './base64.js';
import { createExchange } from './exchange.js';
import { beginMechanism, type Offerer, offerOf } from './offer.js';

function connectionOf(): ConnectionState {
  return new ConnectionState({
    id: 'c',
    protocol: 'smtp',
    role: 'submission',
    listener: 'test',
    remoteAddress: '192.0.2.1',
    remotePort: 1,
    localAddress: '192.0.2.2',
    localPort: 587,
    openedAtMs: 0,
  });
}

const tokens = {
  subjectOf: async () => undefined,
  scope: 'mail',
  openIdConfiguration: 'https://id.example/.well-known/openid-configuration',
};
const nobody: Offerer = { directory: undefined, tokens: undefined, serverNonce: () => 'server' };
const offerer: Offerer = { ...nobody, tokens };
const certificate = { subject: 'CN=alice', fingerprint256: 'AB', emails: ['alice@example.org'] };
const refused: AuthenticationResult = { status: 'refused', reply: reply(535, '7.8', 'no') };
const granted: AuthenticationResult = {
  status: 'granted',
  identity: { accountId: 'a', login: 'a', mechanism: 'x' },
};

interface Played {
  readonly exchange: SaslExchange;
  readonly seen: Credentials[];
  readonly settled: string[];
  readonly clock: ReturnType<typeof createVirtualClock>;
}

function begin(name: string, result: AuthenticationResult = granted): Played {
  const connection = connectionOf();
  connection.mayShowPassword = true;
  connection.channel = { binding: () => undefined, clientCertificate: certificate };
  const mechanism = beginMechanism(name, connection, offerer);
  if (mechanism === undefined) throw new Error(`${name} is not offered`);
  const seen: Credentials[] = [];
  const settled: string[] = [];
  const clock = createVirtualClock();
  const judge = {
    judge: async (credentials: Credentials) => {
      seen.push(credentials);
      return result;
    },
    settle: (_credentials: Credentials, { status }: AuthenticationResult) => void settled.push(status),
    failed: () => refused,
  };
  return { exchange: createExchange(name, mechanism, judge, clock), seen, settled, clock };
}

async function say(exchange: SaslExchange, text: string | undefined): Promise<SaslStep> {
  return exchange.step(text === undefined ? undefined : Buffer.from(text));
}

describe('what is offered', () => {
  it('is nothing before TLS, unless the listener says so', () => {
    const connection = connectionOf();
    expect(offerOf(connection, offerer)).toEqual([]);
    expect(beginMechanism('PLAIN', connection, offerer)).toBeUndefined();
    connection.mayShowPassword = true;
    expect(offerOf(connection, nobody)).toEqual(['PLAIN', 'LOGIN']);
  });

  it('is what the connection, the directory and the tokens allow', () => {
    const connection = connectionOf();
    connection.tls = { version: 'TLSv1.3', cipher: 'x' };
    const scram = { hashes: ['SHA-256'], iterations: 4_096, secret: Buffer.alloc(32) } as const;
    const directory = { scram: { ...scram, keys: async () => undefined } } as never;
    expect(offerOf(connection, { ...offerer, directory })).toEqual([
      ...['SCRAM-SHA-256', 'OAUTHBEARER', 'XOAUTH2', 'PLAIN', 'LOGIN'],
    ]);
    const octets = Buffer.from('x');
    connection.channel = { binding: () => octets, clientCertificate: certificate };
    expect(offerOf(connection, { ...nobody, directory })).toEqual([
      ...['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256', 'EXTERNAL', 'PLAIN', 'LOGIN'],
    ]);
  });
});

describe('mechanisms', () => {
  it('PLAIN brings three parts', async () => {
    const { exchange, seen, settled } = begin('PLAIN');
    expect(await say(exchange, 'eva\0adam\0apfel')).toBe(granted);
    expect(seen).toEqual([
      { kind: 'password', mechanism: 'PLAIN', login: 'adam', password: 'apfel', authorizationId: 'eva' },
    ]);
    expect(settled).toEqual(['granted']);
  });

  it('EXTERNAL brings the certificate', async () => {
    const { exchange, seen } = begin('EXTERNAL');
    expect(await say(exchange, undefined)).toMatchObject({
      status: 'challenge',
      challenge: new Uint8Array(),
    });
    expect(await say(exchange, '')).toBe(granted);
    expect(seen).toMatchObject([{ kind: 'certificate', certificate, login: '', authorizationId: '' }]);
  });

  it('OAUTHBEARER brings the token, as in RFC 7628 section 4.1', async () => {
    const { exchange, seen } = begin('OAUTHBEARER');
    const response =
      'n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01';
    expect(await say(exchange, response)).toBe(granted);
    expect(seen).toMatchObject([
      {
        kind: 'bearer',
        authorizationId: 'user@example.com',
        token: 'vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==',
      },
    ]);
  });

  it('OAUTHBEARER tells why it refuses, and ends with the answer to that', async () => {
    const { exchange, settled } = begin('OAUTHBEARER', refused);
    const step = await say(exchange, 'n,,\x01auth=Bearer x\x01\x01');
    if (step.status !== 'challenge') throw new Error('no challenge');
    expect(JSON.parse(Buffer.from(step.challenge).toString())).toEqual({
      status: 'invalid_token',
      scope: 'mail',
      'openid-configuration': tokens.openIdConfiguration,
    });
    expect(settled).toEqual(['refused']);
    expect(await say(exchange, '\x01')).toBe(refused);
    expect(await say(exchange, '\x01'), 'nothing after the end').toEqual({ status: 'malformed' });
    expect(settled).toEqual(['refused']);
  });

  it('XOAUTH2 brings login and token', async () => {
    const { exchange, seen } = begin('XOAUTH2', refused);
    const step = await say(exchange, 'user=someuser@example.com\x01auth=bearer ya29.a0\x01\x01');
    expect(seen).toMatchObject([{ kind: 'bearer', login: 'someuser@example.com', token: 'ya29.a0' }]);
    if (step.status !== 'challenge') throw new Error('no challenge');
    expect(JSON.parse(Buffer.from(step.challenge).toString())).toMatchObject({ status: '401' });
    expect(await say(exchange, '')).toBe(refused);
  });

  it.each([
    ['PLAIN', ''],
    ['PLAIN', 'adam\0apfel'],
    ['PLAIN', '\0\0apfel'],
    ['PLAIN', '\0adam\0'],
    ['PLAIN', '\0adam\0apfel\0'],
    ['LOGIN', ''],
    ['LOGIN', 'a\0b'],
    ['EXTERNAL', 'a\0b'],
    ['OAUTHBEARER', ''],
    ['OAUTHBEARER', 'n,,'],
    ['OAUTHBEARER', 'n,,\x01auth=Bearer x\x01'],
    ['OAUTHBEARER', 'p=tls-exporter,,\x01auth=Bearer x\x01\x01'],
    ['OAUTHBEARER', 'n,,\x01auth=Basic x\x01\x01'],
    ['OAUTHBEARER', 'n,,\x01auth=Bearer x y\x01\x01'],
    ['OAUTHBEARER', 'n,,\x01auth=Bearer x\x01auth=Bearer y\x01\x01'],
    ['XOAUTH2', 'auth=Bearer x\x01\x01'],
    ['XOAUTH2', 'user=a\x01\x01'],
    ['XOAUTH2', 'user=a\x01auth=Bearer \x01\x01'],
  ])('%s does not take %j', async (name, response) => {
    const { exchange, seen } = begin(name);
    expect(await say(exchange, response)).toEqual({ status: 'malformed' });
    expect(seen).toEqual([]);
    expect(await say(exchange, '\0adam\0apfel'), 'and is over').toEqual({ status: 'malformed' });
  });

  it.each(['PLAIN', 'LOGIN', 'EXTERNAL', 'OAUTHBEARER', 'XOAUTH2'])(
    '%s does not take octets that are not UTF-8, nor too many',
    async (name) => {
      expect(await begin(name).exchange.step(Buffer.from([0xff, 0]))).toEqual({ status: 'malformed' });
      expect(await begin(name).exchange.step(Buffer.alloc(20_000, 'x'))).toEqual({ status: 'malformed' });
    },
  );

  it('takes no more than a minute', async () => {
    const { exchange, clock, seen } = begin('LOGIN');
    await say(exchange, 'adam');
    await clock.advance(60_001);
    expect(await say(exchange, 'apfel')).toEqual({ status: 'malformed' });
    expect(seen).toEqual([]);
  });
});

describe('base64', () => {
  it.each([
    ['', ''],
    ['AGE=', '\0a'],
    ['AGFi', '\0ab'],
  ])('%j is read', (text, octets) => {
    expect(decodeResponse(text)?.toString()).toBe(octets);
  });

  it.each(['=', 'A', 'AG', 'AGE', 'AGE==', 'AGF=', 'AG E=', 'AGE=\r', 'AGE=AGE=', 'A-_A', '====', '!!!!'])(
    '%j is none',
    (text) => {
      expect(decodeResponse(text)).toBeUndefined();
    },
  );

  it('has a sign for an initial response of no octets', () => {
    expect(decodeInitialResponse('=')).toHaveLength(0);
    expect(decodeInitialResponse('')).toBeUndefined();
  });
});
