/** What is kept in the directory of the plugin. Each file is replaced whole, so that no reader sees half of one. */
import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { WantedCertificate } from './options.js';
import type { PemPair } from './pair.js';

/** Where the certificate for these names is: key and chain in one file, so that they can't be of two renewals. */
export function pairFile(directory: string, { names }: WantedCertificate): string {
  return join(directory, 'certificates', `${(names[0] ?? '').replace('*', '_')}.pem`);
}

/** Reads a pair; `undefined` when there is none. */
export async function readPairFile(file: string): Promise<PemPair | undefined> {
  const text = await readOrNothing(file);
  if (text === undefined) return undefined;
  const key =
    /-----BEGIN (?:EC )?PRIVATE KEY-----.*?-----END (?:EC )?PRIVATE KEY-----\n/s.exec(text)?.[0] ?? '';
  return { key, chain: text.replace(key, '') };
}

/** Writes a pair. */
export async function writePairFile(file: string, { key, chain }: PemPair): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${randomBytes(6).toString('hex')}.new`;
  await writeFile(temporary, `${key.trimEnd()}\n${chain}`, { mode: 0o600, flush: true });
  await rename(temporary, file);
}

/** The content of a file that is made once, whoever is first: all processes end up with the same. */
export async function makeOnce(file: string, make: () => Promise<Buffer> | Buffer): Promise<Buffer> {
  const found = await readOrNothing(file, 'latin1');
  if (found !== undefined) return Buffer.from(found, 'latin1');
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${randomBytes(6).toString('hex')}.new`;
  await writeFile(temporary, await make(), { mode: 0o600, flush: true });
  try {
    await link(temporary, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(temporary, { force: true });
  }
  return await readFile(file);
}

/**
 * Runs one at a time among all processes of the directory; `false` when another one is at it. A lock that is older than
 * `staleMs` is that of a process that died.
 */
export async function withLock(
  file: string,
  nowMs: number,
  staleMs: number,
  run: () => Promise<void>,
): Promise<boolean> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  try {
    if (nowMs - (await stat(file)).mtimeMs > staleMs) await rm(file, { force: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  try {
    await (await open(file, 'wx', 0o600)).close();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  try {
    await run();
  } finally {
    await rm(file, { force: true });
  }
  return true;
}

/** The text of a file; `undefined` when there is none. */
export async function readOrNothing(
  file: string,
  encoding: 'utf8' | 'latin1' = 'utf8',
): Promise<string | undefined> {
  try {
    return await readFile(file, encoding);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
