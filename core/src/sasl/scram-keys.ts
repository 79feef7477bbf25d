/** The keys of SCRAM (RFC 5802 section 3), and the text they are kept as: PostgreSQL's, which other programs know. */
import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import type { ScramHash, ScramKeys } from '../services/directory.js';
import { prepareScramPassword } from './saslprep.js';

/** The name of a hash for node:crypto. */
const names = { 'SHA-256': 'sha256', 'SHA-1': 'sha1' } as const;
const lengths = { 'SHA-256': 32, 'SHA-1': 20 } as const;
/** What a text may ask of us: RFC 7677 section 4 wants 4,096 or more. */
const iterationsMin = 4_096;
const iterationsMax = 10_000_000;

const derive = promisify(pbkdf2);

/** Makes the keys of a password; `undefined` when it can't be a password. Off the main thread. */
export async function deriveScramKeys(
  password: string,
  hash: ScramHash,
  salt: Uint8Array,
  iterations: number,
): Promise<ScramKeys | undefined> {
  const prepared = await prepareScramPassword(password);
  if (prepared === undefined) return undefined;
  const salted = await derive(prepared, salt, iterations, lengths[hash], names[hash]);
  const storedKey = createHash(names[hash])
    .update(hmac(hash, salted, 'Client Key'))
    .digest();
  return { salt, iterations, storedKey, serverKey: hmac(hash, salted, 'Server Key') };
}

/** `SCRAM-SHA-256$4096:salt$storedKey:serverKey`. */
export function formatScramKeys(hash: ScramHash, keys: ScramKeys): string {
  const [salt, storedKey, serverKey] = [keys.salt, keys.storedKey, keys.serverKey].map((octets) =>
    Buffer.from(octets).toString('base64'),
  );
  return `SCRAM-${hash}$${keys.iterations}:${salt}$${storedKey}:${serverKey}`;
}

/** Reads what `formatScramKeys` writes; `undefined` when it is not that. */
export function parseScramKeys(
  text: string,
): { readonly hash: ScramHash; readonly keys: ScramKeys } | undefined {
  const match =
    /^SCRAM-(SHA-256|SHA-1)\$(\d{1,8}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)$/.exec(text);
  if (match === null) return undefined;
  const hash = match[1] as ScramHash;
  const iterations = Number(match[2]);
  const [salt, storedKey, serverKey] = match.slice(3).map((octets) => Buffer.from(octets, 'base64'));
  const isWhole = storedKey?.length === lengths[hash] && serverKey?.length === lengths[hash];
  if (!isWhole || salt === undefined || salt.length < 8 || salt.length > 64) return undefined;
  if (iterations < iterationsMin || iterations > iterationsMax) return undefined;
  return { hash, keys: { salt, iterations, storedKey, serverKey } };
}

/** The salt that an unknown login is told: always the same for it, and never that of an account. */
export function saltOfNobody(secret: Uint8Array, hash: ScramHash, login: string): Uint8Array {
  const key = login.normalize('NFC').replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return createHmac('sha256', secret).update(`${hash} ${key}`).digest().subarray(0, 16);
}

/** Whether the proof shows that the client knows the password (RFC 5802 section 3). */
export function isProof(hash: ScramHash, keys: ScramKeys, message: string, proof: Uint8Array): boolean {
  if (proof.length !== lengths[hash]) return false;
  const clientKey = hmac(hash, keys.storedKey, message);
  for (const [at, octet] of proof.entries()) clientKey[at] = (clientKey[at] as number) ^ octet;
  return timingSafeEqual(createHash(names[hash]).update(clientKey).digest(), keys.storedKey);
}

/** What shows the client that the server knows the keys. */
export function serverSignature(hash: ScramHash, keys: ScramKeys, message: string): string {
  return hmac(hash, keys.serverKey, message).toString('base64');
}

/** The length of the hash's results. */
export function hashLength(hash: ScramHash): number {
  return lengths[hash];
}

function hmac(hash: ScramHash, key: Uint8Array, text: string): Buffer {
  return createHmac(names[hash], key).update(text).digest();
}
