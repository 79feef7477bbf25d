/** scrypt and PBKDF2 by node:crypto, in threads, in the forms that PHC and passlib write. */
import { pbkdf2, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const derivePbkdf2 = promisify(pbkdf2);
const deriveScrypt = promisify<string, Uint8Array, number, ScryptOptions, Buffer>(scrypt);

const iterationsMax = 5_000_000;
const scryptOctetsMax = 268_435_456;

type Derivation = { readonly key: Buffer; derive(password: string): Promise<Buffer> };

/** Whether it is such a hash that may be computed. */
export function isDerivedKey(text: string): boolean {
  return read(text) !== undefined;
}

/** Whether it fits. */
export async function verifyDerivedKey(passwordHash: string, password: string): Promise<boolean> {
  const kept = read(passwordHash);
  if (kept === undefined) return false;
  return timingSafeEqual(await kept.derive(password), kept.key);
}

function read(text: string): Derivation | undefined {
  return readScrypt(text) ?? readPbkdf2(text);
}

/** `$scrypt$ln=16,r=8,p=1$salt$key`. */
function readScrypt(text: string): Derivation | undefined {
  const match =
    /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([\w+/.-]{8,128})\$([\w+/.-]{22,128})$/.exec(text);
  if (match === null) return undefined;
  const [logN, r, p] = match.slice(1, 4).map(Number) as [number, number, number];
  const cost = 2 ** logN;
  if (logN < 1 || r < 1 || p < 1 || p > 16 || 128 * cost * r > scryptOctetsMax) return undefined;
  const [salt, key] = [octetsOf(match[4]), octetsOf(match[5])];
  const options = { N: cost, r, p, maxmem: 2 * scryptOctetsMax };
  return { key, derive: (password) => deriveScrypt(password, salt, key.length, options) };
}

/** `$pbkdf2-sha256$29000$salt$key` of passlib, `$pbkdf2-sha256$i=29000$salt$key` of PHC; without a hash it is SHA-1. */
function readPbkdf2(text: string): Derivation | undefined {
  const match =
    /^\$pbkdf2(?:-(sha1|sha256|sha512))?\$(?:i=)?(\d{3,7})(?:,l=\d+)?\$([\w+/.-]{8,128})\$([\w+/.-]{22,128})$/.exec(
      text,
    );
  if (match === null) return undefined;
  const iterations = Number(match[2]);
  if (iterations > iterationsMax) return undefined;
  const [salt, key] = [octetsOf(match[3]), octetsOf(match[4])];
  return {
    key,
    derive: (password) => derivePbkdf2(password, salt, iterations, key.length, match[1] ?? 'sha1'),
  };
}

/** Passlib writes a dot where base64 has a plus. */
function octetsOf(text = ''): Buffer {
  return Buffer.from(text.replaceAll('.', '+'), 'base64');
}
