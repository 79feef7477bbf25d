import { describe, expect, it } from 'vitest';
import type { ScramDirectory, ScramHash } from '../services/directory.js';
import type { Account } from '../values/identity.js';
import type { Mechanism, MechanismContext, MechanismStep } from './mechanism.js';
import { scram } from './scram.js';
import { scramClient } from './scram-client.kit.js';
import { deriveScramKeys, formatScramKeys, parseScramKeys } from './scram-keys.js';

const account: Account = { id: 'user', login: 'user', addresses: [], isDisabled: false };

function directoryOf(password: string, salt: Uint8Array, known = 'user', iterations = 4_096): ScramDirectory {
  return {
    hashes: ['SHA-256', 'SHA-1'],
    iterations: 4_096,
    secret: Buffer.alloc(32, 7),
    async keys(login, hash) {
      const keys = await deriveScramKeys(password, hash, salt, iterations);
      return login === known && keys !== undefined ? { account, keys } : undefined;
    },
  };
}

function contextOf(nonce: string, more: Partial<MechanismContext> = {}): MechanismContext {
  return {
    serverNonce: () => nonce,
    scram: undefined,
    isPlusOffered: false,
    binding: () => undefined,
    clientCertificate: undefined,
    bearerHints: {},
    signal: new AbortController().signal,
    ...more,
  };
}

async function say(mechanism: Mechanism, text: string | Uint8Array): Promise<MechanismStep> {
  return mechanism.step(typeof text === 'string' ? Buffer.from(text) : text);
}

function textOf(step: MechanismStep): string {
  if (step.status !== 'challenge') throw new Error(`not a challenge: ${JSON.stringify(step)}`);
  return Buffer.from(step.challenge).toString();
}

const vectors = [
  {
    rfc: 'RFC 5802 section 5',
    hash: 'SHA-1',
    salt: 'QSXCR+Q6sek8bf92',
    nonce: '3rfcNHYJY1ZVvWVs7j',
    first: 'n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL',
    serverFirst: 'r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096',
    final: 'c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=',
    serverFinal: 'v=rmF9pqV8S7suAoZWja4dJRkFsKQ=',
  },
  {
    rfc: 'RFC 7677 section 3',
    hash: 'SHA-256',
    salt: 'W22ZaJ0SNY7soEsUEjb6gQ==',
    nonce: '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
    first: 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
    serverFirst: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
    final:
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    serverFinal: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
  },
] as const;

describe.each(vectors)(
  'the vector of $rfc',
  ({ hash, salt, nonce, first, serverFirst, final, serverFinal }) => {
    const directory = directoryOf('pencil', Buffer.from(salt, 'base64'));
    const begin = () => scram(hash, false, directory, contextOf(nonce));

    it('is spoken as it stands there', async () => {
      const mechanism = begin();
      expect(textOf(await say(mechanism, first))).toBe(serverFirst);
      const step = await say(mechanism, final);
      expect(step).toMatchObject({
        status: 'credentials',
        credentials: { kind: 'scram', mechanism: `SCRAM-${hash}`, login: 'user', provenAccount: account },
      });
      expect(Buffer.from((step as { proof: Uint8Array }).proof).toString()).toBe(serverFinal);
    });

    it('is refused with any octet of the proof changed', async () => {
      const at = final.indexOf('p=') + 2;
      for (let index = at; index < final.length - 2; index += 3) {
        const mechanism = begin();
        await say(mechanism, first);
        const other = final[index] === 'A' ? 'B' : 'A';
        const step = await say(mechanism, final.slice(0, index) + other + final.slice(index + 1));
        expect(
          step.status === 'malformed' || (step.status === 'credentials' && isProven(step)),
          `at ${index}`,
        ).toBe(step.status === 'malformed');
      }
    });

    it('is refused when it is played again to a server with another nonce', async () => {
      const mechanism = scram(hash, false, directory, contextOf('another'));
      await say(mechanism, first);
      expect(await say(mechanism, final)).toEqual({ status: 'malformed' });
    });
  },
);

function isProven(step: MechanismStep): boolean {
  return (
    step.status === 'credentials' &&
    step.credentials.kind === 'scram' &&
    step.credentials.provenAccount !== undefined
  );
}

async function logIn(
  hash: ScramHash,
  directory: ScramDirectory,
  client: Partial<Parameters<typeof scramClient>[0]> = {},
  isPlus = false,
  more: Partial<MechanismContext> = {},
): Promise<MechanismStep> {
  const mechanism = scram(hash, isPlus, directory, contextOf('server', more));
  const names = { 'SHA-256': 'sha256', 'SHA-1': 'sha1' } as const;
  const common = { hash: names[hash], login: 'user', password: 'pencil', nonce: 'client' };
  const made = scramClient({ ...common, ...client });
  const step = await say(mechanism, made.first);
  return step.status === 'challenge' ? say(mechanism, made.final(textOf(step)).message) : step;
}

describe('SCRAM', () => {
  const salt = Buffer.from('0123456789abcdef');
  const directory = directoryOf('pencil', salt);

  it.each(['SHA-256', 'SHA-1'] as const)('with %s takes the right password and no other', async (hash) => {
    expect(isProven(await logIn(hash, directory))).toBe(true);
    expect(isProven(await logIn(hash, directory, { password: 'Pencil' }))).toBe(false);
    expect(isProven(await logIn(hash, directory, { login: 'nobody' }))).toBe(false);
  });

  it('prepares passwords as RFC 4013 says, and knows what Unicode has got since', async () => {
    // A soft hyphen goes, a Roman numeral becomes letters (RFC 4013 section 3).
    const prepared = directoryOf('I\u00adX\u2163', salt);
    expect(isProven(await logIn('SHA-256', prepared, { password: 'IXIV' }))).toBe(true);
    const emoji = directoryOf('\u{1fae0}', salt);
    expect(isProven(await logIn('SHA-256', emoji, { password: '\u{1fae0}' }))).toBe(true);
    expect(await deriveScramKeys('', 'SHA-256', salt, 4_096)).toBeUndefined();
    expect(await deriveScramKeys('a\0b', 'SHA-256', salt, 4_096)).toBeUndefined();
  });

  it('takes names with commas and equals signs', async () => {
    const odd = directoryOf('pencil', salt, 'a=b,c');
    expect(isProven(await logIn('SHA-256', odd, { login: 'a=b,c' }))).toBe(true);
  });

  it('tells an unknown login the same salt each time, another than an account has, and refuses it at the proof', async () => {
    const begin = async (login: string, secret = directory.secret) =>
      textOf(
        await say(scram('SHA-256', false, { ...directory, secret }, contextOf('s')), `n,,n=${login},r=c`),
      );
    const first = await begin('nobody');
    expect(await begin('NOBODY')).toBe(first);
    expect(await begin('somebody')).not.toBe(first);
    expect(await begin('nobody', Buffer.alloc(32, 8))).not.toBe(first);
    expect(first).toMatch(/^r=cs,s=[A-Za-z0-9+/]{22}==,i=4096$/);
    // Who guesses that nobody's keys are zeros gains nothing.
    expect(await logIn('SHA-256', directory, { login: 'nobody' })).toMatchObject({
      status: 'credentials',
      credentials: { provenAccount: undefined },
    });
  });

  it.each([
    ['nothing', ''],
    ['no header', 'n=user,r=nonce'],
    ['no nonce', 'n,,n=user'],
    ['an empty nonce', 'n,,n=user,r='],
    ['an empty name', 'n,,n=,r=nonce'],
    ['a nonce with a blank', 'n,,n=user,r=a b'],
    ['a nonce that is too long', `n,,n=user,r=${'x'.repeat(600)}`],
    ['a name with a wrong escape', 'n,,n=us=er,r=nonce'],
    ['a name with a NUL', 'n,,n=us\0er,r=nonce'],
    ['an unknown mandatory extension', 'n,,m=x,n=user,r=nonce'],
    ['binding without -PLUS', 'p=tls-exporter,,n=user,r=nonce'],
    ['an empty authorization id', 'n,a=,n=user,r=nonce'],
    ['octets that are not UTF-8', Buffer.from([0x6e, 0x2c, 0x2c, 0xff])],
  ])('refuses a first message with %s', async (_what, first) => {
    const mechanism = scram('SHA-256', false, directory, contextOf('server'));
    expect(await say(mechanism, first)).toEqual({ status: 'malformed' });
  });

  it.each([
    ['nothing', ''],
    ['the first message again', 'n,,n=user,r=client'],
    ['no proof', 'c=biws,r=clientserver'],
    ['an empty proof', 'c=biws,r=clientserver,p='],
    ['a proof that is no base64', 'c=biws,r=clientserver,p=!!!!'],
    ['the client nonce alone', 'c=biws,r=client,p=AAAA'],
    ['something behind the proof', 'c=biws,r=clientserver,p=AAAA,x=1'],
  ])('refuses a last message with %s', async (_what, final) => {
    const mechanism = scram('SHA-256', false, directory, contextOf('server'));
    await say(mechanism, 'n,,n=user,r=client');
    expect(await say(mechanism, final)).toEqual({ status: 'malformed' });
  });

  it('refuses a proof of the wrong length, and another header than the first', async () => {
    for (const final of ['c=biws,r=clientserver,p=AAAA', `c=eSws,r=clientserver,p=${'A'.repeat(43)}=`]) {
      const mechanism = scram('SHA-256', false, directory, contextOf('server'));
      await say(mechanism, 'n,,n=user,r=client');
      expect(isProven(await say(mechanism, final))).toBe(false);
    }
  });

  describe('with channel binding', () => {
    const octets = Buffer.from('the channel');
    const bound: Partial<MechanismContext> = {
      isPlusOffered: true,
      binding: (type) => (type === 'tls-exporter' ? octets : undefined),
    };
    const header = 'p=tls-exporter,,';

    it('takes the channel that both see, and no other', async () => {
      expect(isProven(await logIn('SHA-256', directory, { header, binding: octets }, true, bound))).toBe(
        true,
      );
      const other = Buffer.from('the channel of somebody between');
      expect(isProven(await logIn('SHA-256', directory, { header, binding: other }, true, bound))).toBe(
        false,
      );
    });

    it.each([
      ['a binding that this channel has not', 'p=tls-server-end-point,,'],
      ['one that there is not', 'p=tls-unique,,'],
      ['none', 'n,,'],
    ])('refuses %s', async (_what, other) => {
      const client = { header: other, binding: octets };
      expect(await logIn('SHA-256', directory, client, true, bound)).toEqual({ status: 'malformed' });
    });

    it('refuses a client that was told that there is none, and takes one that can not', async () => {
      expect(await logIn('SHA-256', directory, { header: 'y,,' }, false, bound)).toEqual({
        status: 'malformed',
      });
      expect(isProven(await logIn('SHA-256', directory, { header: 'y,,' }))).toBe(true);
      expect(isProven(await logIn('SHA-256', directory, { header: 'n,,' }, false, bound))).toBe(true);
    });
  });
});

describe('kept SCRAM keys', () => {
  it('are read as they were written', async () => {
    const keys = await deriveScramKeys('pencil', 'SHA-256', Buffer.from('0123456789abcdef'), 4_096);
    if (keys === undefined) throw new Error('no keys');
    const text = formatScramKeys('SHA-256', keys);
    expect(text).toMatch(/^SCRAM-SHA-256\$4096:[^$]+\$[^:]+:.+$/);
    expect(parseScramKeys(text)).toEqual({ hash: 'SHA-256', keys });
  });

  it.each([
    '',
    'SCRAM-SHA-256$4096:c2FsdA==$AAAA:AAAA',
    `SCRAM-SHA-256$1:MDEyMzQ1Njc4OWFiY2RlZg==$${'A'.repeat(43)}=:${'A'.repeat(43)}=`,
    `SCRAM-SHA-256$99999999:MDEyMzQ1Njc4OWFiY2RlZg==$${'A'.repeat(43)}=:${'A'.repeat(43)}=`,
    `SCRAM-SHA-512$4096:MDEyMzQ1Njc4OWFiY2RlZg==$${'A'.repeat(43)}=:${'A'.repeat(43)}=`,
  ])('%j are none', (text) => {
    expect(parseScramKeys(text)).toBeUndefined();
  });
});
