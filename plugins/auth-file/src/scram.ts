/** SCRAM keys of the users file: made with passwords, and the secret behind the salts of nobody. */
import { randomBytes } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { deriveScramKeys, MailError, messageOf, type ScramHash, type ScramKeys } from '@postroad/core';

/** Which keys to make. */
export interface ScramOptions {
  readonly hashes: readonly ScramHash[];
  readonly iterations: number;
}

const secretOctets = 32;
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

/** The secret beside the users file, made at the first start; throws `E_DIRECTORY` when that can't be. */
export async function readSecret(file: string): Promise<Uint8Array> {
  const path = `${file}.scram-secret`;
  try {
    await makeSecret(path);
    const secret = await readFile(path);
    if (secret.length !== secretOctets) throw new Error(`it does not have ${secretOctets} octets`);
    return secret;
  } catch (cause) {
    throw new MailError('E_DIRECTORY', `${path} can't be used: ${messageOf(cause)}`, { cause });
  }
}

async function makeSecret(path: string): Promise<void> {
  try {
    const handle = await open(path, 'wx', 0o600);
    try {
      await handle.writeFile(randomBytes(secretOctets));
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
