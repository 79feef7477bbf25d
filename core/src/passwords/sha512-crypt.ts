/** SHA-512-crypt, what /etc/shadow has, after the specification of its author ("Unix crypt using SHA-256 and SHA-512"). */
import { createHash, timingSafeEqual } from 'node:crypto';

interface Kept {
  readonly rounds: number;
  readonly salt: string;
  readonly digest: string;
}

const roundsDefault = 5_000;
const roundsMin = 1_000;
const roundsMax = 1_000_000;
/** The event loop gets a turn after so many rounds: a few hundred microseconds. */
const roundsPerTurn = 250;
const alphabet = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Whether it is such a hash that may be computed. */
export function isSha512Crypt(text: string): boolean {
  return read(text) !== undefined;
}

/** Whether it fits. */
export async function verifySha512Crypt(passwordHash: string, password: string): Promise<boolean> {
  const kept = read(passwordHash);
  if (kept === undefined) return false;
  const digest = encode(await compute(Buffer.from(password), Buffer.from(kept.salt), kept.rounds));
  return timingSafeEqual(Buffer.from(digest), Buffer.from(kept.digest));
}

function read(text: string): Kept | undefined {
  const match = /^\$6\$(?:rounds=(\d{4,7})\$)?([^$]{1,16})\$([./A-Za-z0-9]{86})$/.exec(text);
  if (match === null) return undefined;
  const rounds = match[1] === undefined ? roundsDefault : Number(match[1]);
  if (rounds < roundsMin || rounds > roundsMax) return undefined;
  return { rounds, salt: match[2] ?? '', digest: match[3] ?? '' };
}

async function compute(password: Buffer, salt: Buffer, rounds: number): Promise<Buffer> {
  const start = digestOf(password, salt, password);
  const parts: Buffer[] = [password, salt, filled(start, password.length)];
  for (let bits = password.length; bits > 0; bits >>= 1) parts.push((bits & 1) === 1 ? start : password);
  let digest = digestOf(...parts);
  const longPassword = filled(digestOf(...Array<Buffer>(password.length).fill(password)), password.length);
  const saltTimes = 16 + (digest[0] as number);
  const longSalt = filled(digestOf(...Array<Buffer>(saltTimes).fill(salt)), salt.length);
  for (let round = 0; round < rounds; round++) {
    const isOdd = round % 2 === 1;
    const hash = createHash('sha512').update(isOdd ? longPassword : digest);
    if (round % 3 !== 0) hash.update(longSalt);
    if (round % 7 !== 0) hash.update(longPassword);
    digest = hash.update(isOdd ? digest : longPassword).digest();
    if (round % roundsPerTurn === roundsPerTurn - 1)
      await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return digest;
}

function digestOf(...parts: readonly Buffer[]): Buffer {
  const hash = createHash('sha512');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** The digest over and over, up to this length. */
function filled(digest: Buffer, length: number): Buffer {
  return length === 0 ? Buffer.alloc(0) : Buffer.alloc(length, digest);
}

/** Three octets as four letters, in the order that the specification gives them: steps of 21 around the digest. */
function encode(digest: Buffer): string {
  let text = '';
  let [high, middle, low] = [0, 21, 42];
  for (let group = 0; group < 21; group++) {
    text += letters(octet(digest, high), octet(digest, middle), octet(digest, low), 4);
    [high, middle, low] = [middle + 1, low + 1, high + 1];
  }
  return text + letters(0, 0, octet(digest, 63), 2);
}

function octet(digest: Buffer, at: number): number {
  return digest[at] as number;
}

function letters(high: number, middle: number, low: number, count: number): string {
  let bits = (high << 16) | (middle << 8) | low;
  let text = '';
  for (let at = 0; at < count; at++) {
    text += alphabet[bits & 63];
    bits >>= 6;
  }
  return text;
}
