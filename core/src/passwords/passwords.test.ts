import { describe, expect, it } from 'vitest';
import { systemClock } from '../services/system-clock.js';
import { createVirtualClock } from '../testing/virtual-clock.js';
import { readKeptPassword } from './schemes.js';
import { createPasswordVerifier, hashPassword, preparePassword } from './verifier.js';

// Made by other programs: crypt(3) of glibc, passlib, htpasswd.
const kept: readonly (readonly [scheme: string, password: string, hash: string])[] = [
  [
    'SHA-512-crypt, as in its specification',
    'Hello world!',
    '$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1',
  ],
  [
    'SHA-512-crypt with rounds',
    'Hello world!',
    '$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.',
  ],
  [
    'SHA-512-crypt of a long password',
    `${'x'.repeat(100)}ü`,
    '$6$rounds=1400$ab$qEvUatNVkTnUKrHbQwQTrLSs47B1NMDP7KUddvruR4uRTDbw5gDU78YUpv.CcgphPWVxfuNndUpxJn0V9kHam1',
  ],
  [
    'PBKDF2-SHA-256 in the form of passlib',
    'päss word',
    '$pbkdf2-sha256$2000$MDEyMzQ1Njc4OWFiY2RlZg$vRTwiRK5IxyWFPzeTamuot7vf2bEGL/mmhT5UUjauGk',
  ],
  [
    'PBKDF2-SHA-512 in the form of PHC',
    'secret',
    '$pbkdf2-sha512$i=1500,l=64$MDEyMzQ1Njc4OWFiY2RlZg$tlZSklXZ9kII93hGp+pzRf4EIFqImD5JZYKd/GlCb9TUtT9etEhMe8UMwT4leWEWX0slibJdv39NgHluUuYJQA',
  ],
  [
    'PBKDF2-SHA-1 in the form of passlib',
    'secret',
    '$pbkdf2$1500$MDEyMzQ1Njc4OWFiY2RlZg$qNoxB5WYSOrBpHcqPHmEXv3H2Ck',
  ],
  [
    'scrypt',
    'secret',
    '$scrypt$ln=10,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$S7FwBvpu+z8K0PUVUagFRTUAB2dAxIZpzVHvLZir+98',
  ],
  [
    'bcrypt as htpasswd writes it (2y)',
    'secret',
    '$2y$05$PGJ.UU5LSeqv7TvFs9ZXxOq1CxrAU/.hhP8KBBr6CU6AUwgeHRf5G',
  ],
  [
    'bcrypt as others write it (2b)',
    'päss word',
    '$2b$05$zuK/dIB/StCerzpVYaeIv.SH/f0keTMTw.wbi.UMBFFwN31PZ7KHm',
  ],
];

describe.each(kept)('%s', (_scheme, password, hash) => {
  it('is checked, and to be replaced', async () => {
    const verifier = createPasswordVerifier({ clock: systemClock });
    expect(await verifier.verify(hash, password)).toEqual({ isRight: true, needsRehash: true });
    expect(await verifier.verify(hash, `${password}.`)).toEqual({ isRight: false, needsRehash: false });
    expect(await verifier.verify(`{CRYPT}${hash}`, password)).toMatchObject({ isRight: true });
  });
});

describe('new passwords', () => {
  it('are kept as argon2id with the parameters of today', async () => {
    const hash = await hashPassword('wonderland');
    expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    const verifier = createPasswordVerifier({ clock: systemClock });
    expect(await verifier.verify(hash, 'wonderland')).toEqual({ isRight: true, needsRehash: false });
    expect(await verifier.verify(hash, 'Wonderland')).toMatchObject({ isRight: false });
    expect(await verifier.verify(undefined, 'wonderland')).toMatchObject({ isRight: false });
  });

  it.each([
    ['nothing', ''],
    ['a NUL', 'a\0b'],
    ['too many octets', 'x'.repeat(1_025)],
  ])('are not %s', async (_what, text) => {
    expect(preparePassword(text)).toBeUndefined();
    await expect(hashPassword(text)).rejects.toMatchObject({ code: 'E_USAGE' });
    const verifier = createPasswordVerifier({ clock: systemClock });
    expect(await verifier.verify(await hashPassword('none'), text)).toMatchObject({ isRight: false });
  });
});

describe('what is kept', () => {
  it.each([
    '',
    'secret',
    '{PLAIN}secret',
    '$1$salt$qJH7.N4xYta3aEG/dfqo/0',
    '$argon2id$v=19$m=9999999,t=2,p=1$c2FsdHNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    '$2b$31$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234',
    '$6$rounds=9999999$salt$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO/O817G3uBnIFNjnQJuesI68OTLiBFdcbYEdFCoEOfaS35inz1',
    '$scrypt$ln=30,r=8,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    '$pbkdf2-sha256$9999999$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  ])('%j is of no scheme that is known, or would take too long', async (text) => {
    expect(readKeptPassword(text)).toBeUndefined();
    if (text === '') return;
    const verifier = createPasswordVerifier({ clock: systemClock });
    await expect(verifier.verify(text, 'secret')).rejects.toMatchObject({ code: 'E_DIRECTORY' });
  });
});

describe('a verifier', () => {
  it('lets refusals take as long as the slowest scheme that is about', async () => {
    const clock = createVirtualClock();
    const waits: number[] = [];
    // Each look at the time is a second later: a check takes one second of this clock, then two.
    let now = 0;
    let step = 1_000;
    const stepping = {
      ...clock,
      monotonic: () => {
        now += step;
        return now;
      },
      sleep: async (ms: number) => {
        waits.push(ms);
      },
    };
    const verifier = createPasswordVerifier({ clock: stepping });
    const today = await hashPassword('a');
    await verifier.verify(today, 'b');
    expect(waits).toEqual([]);
    step = 5_000;
    await verifier.verify(kept[0]?.[2], 'b');
    expect(waits, 'the slowest does not wait').toEqual([]);
    step = 1_000;
    await verifier.verify(today, 'b');
    await verifier.verify(undefined, 'b');
    expect(waits).toEqual([4_000, 4_000]);
    await verifier.verify(today, 'a');
    expect(waits, 'who is right does not wait').toHaveLength(2);
  });

  it('puts off what is too much, and honours the signal', async () => {
    const verifier = createPasswordVerifier({ clock: systemClock, activeMax: 1, waitingMax: 1 });
    const hash = await hashPassword('a');
    const answers = await Promise.allSettled(Array.from({ length: 5 }, () => verifier.verify(hash, 'a')));
    expect(answers.map(({ status }) => status)).toEqual([
      ...['fulfilled', 'fulfilled', 'rejected', 'rejected', 'rejected'],
    ]);
    await expect(verifier.verify(hash, 'a', AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
    expect(await verifier.verify(hash, 'a'), 'afterwards').toMatchObject({ isRight: true });
  });
});
