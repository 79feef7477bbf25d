/** The secret behind the salts of nobody, beside the users file. */
import { randomBytes } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { MailError, messageOf } from '@postroad/core';

const secretOctets = 32;

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
