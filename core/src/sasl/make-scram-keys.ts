/** SCRAM keys that are made together with a password. */
import { randomBytes } from 'node:crypto';
import type { ScramHash, ScramKeys } from '../services/directory.js';
import { deriveScramKeys } from './scram-keys.js';

/** Which keys to make. */
export interface ScramOptions {
  readonly hashes: readonly ScramHash[];
  readonly iterations: number;
}

const saltOctets = 16;

/** The keys of a password for each hash; none for a password that can't have any. */
export async function makeScramKeys(
  password: string | undefined,
  { hashes, iterations }: ScramOptions,
): Promise<ReadonlyMap<ScramHash, ScramKeys>> {
  const made = new Map<ScramHash, ScramKeys>();
  if (password === undefined) return made;
  for (const hash of hashes) {
    const keys = await deriveScramKeys(password, hash, randomBytes(saltOctets), iterations);
    if (keys !== undefined) made.set(hash, keys);
  }
  return made;
}
