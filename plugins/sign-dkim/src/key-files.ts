/**
 * Keys on disk: `<domain>/<selector>.pem`, readable by the owner alone, and `<selector>.json` beside it with what became
 * of it. Commands make keys, the server moves them on; each file has one writer, and is replaced whole.
 */
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { MailError } from '@postroad/core';
import { z } from 'zod';

const generate = promisify(generateKeyPair) as (
  type: string,
  options: object,
) => Promise<{ readonly privateKey: KeyObject }>;

/** The kinds of keys. */
export type KeyAlgorithm = 'rsa' | 'ed25519';

/** A key as it is known without opening it. */
export interface KeyFacts {
  readonly domain: string;
  readonly selector: string;
  readonly algorithm: KeyAlgorithm;
  /** What stands in `p=` of its record. */
  readonly publicKey: string;
  readonly createdAtMs: number;
  /** When it began to sign. */
  readonly activatedAtMs?: number;
  /** When another took its place. */
  readonly retiredAtMs?: number;
  /** When its private part was deleted: the record may go too. */
  readonly removedAtMs?: number;
}

const factsSchema = z.strictObject({
  domain: z.string(),
  selector: z.string(),
  algorithm: z.enum(['rsa', 'ed25519']),
  publicKey: z.string(),
  createdAtMs: z.number(),
  activatedAtMs: z.number().optional(),
  retiredAtMs: z.number().optional(),
  removedAtMs: z.number().optional(),
});

/** RFC 8301 section 3.2: at least 2,048 bits for signers. */
const rsaBits = 2_048;

/** The keys of all domains, oldest first. A missing directory has none; what can't be read rejects. */
export async function listKeys(directory: string): Promise<readonly KeyFacts[]> {
  const keys: KeyFacts[] = [];
  for (const domain of await namesIn(directory)) {
    for (const name of await namesIn(join(directory, domain))) {
      if (name.endsWith('.json')) keys.push(await readFacts(join(directory, domain, name)));
    }
  }
  return keys.sort((a, b) => a.createdAtMs - b.createdAtMs || a.selector.localeCompare(b.selector));
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}

async function readFacts(file: string): Promise<KeyFacts> {
  try {
    return factsSchema.parse(JSON.parse(await readFile(file, 'utf8'))) as KeyFacts;
  } catch (cause) {
    throw new MailError('E_CONFIG_FILE', `${file} does not describe a key`, { cause });
  }
}

/** Makes a key; the private part is on the disk before anything speaks of it. */
export async function createKey(
  directory: string,
  wanted: Pick<KeyFacts, 'domain' | 'selector' | 'algorithm' | 'createdAtMs'>,
): Promise<KeyFacts> {
  const { privateKey } = await generate(
    wanted.algorithm,
    wanted.algorithm === 'rsa' ? { modulusLength: rsaBits } : {},
  );
  const facts: KeyFacts = { ...wanted, publicKey: publicPart(privateKey) };
  await mkdir(join(directory, wanted.domain), { recursive: true, mode: 0o700 });
  await replaceFile(
    fileOf(directory, facts, 'pem'),
    privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  );
  await writeFacts(directory, facts);
  return facts;
}

/** RSA as RFC 6376 section 3.6.1 has it, Ed25519 as RFC 8463 section 4: the bare key. */
function publicPart(privateKey: KeyObject): string {
  const octets = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  return (privateKey.asymmetricKeyType === 'ed25519' ? octets.subarray(-32) : octets).toString('base64');
}

/** Writes down what became of a key. */
export async function writeFacts(directory: string, facts: KeyFacts): Promise<void> {
  await replaceFile(fileOf(directory, facts, 'json'), `${JSON.stringify(facts, undefined, 2)}\n`);
}

/** The private part; rejects when it is missing, broken, or not the one of the record. */
export async function readPrivateKey(directory: string, facts: KeyFacts): Promise<KeyObject> {
  const file = fileOf(directory, facts, 'pem');
  try {
    const key = createPrivateKey(await readFile(file));
    if (publicPart(key) !== facts.publicKey) throw new Error('it is not the key of its record');
    return key;
  } catch (cause) {
    throw new MailError('E_CONFIG_FILE', `${file} is no key that can sign`, { cause });
  }
}

/** Deletes the private part. */
export async function deletePrivateKey(directory: string, facts: KeyFacts): Promise<void> {
  await rm(fileOf(directory, facts, 'pem'), { force: true });
}

function fileOf(directory: string, { domain, selector }: KeyFacts, ending: 'pem' | 'json'): string {
  return join(directory, domain, `${selector}.${ending}`);
}

async function replaceFile(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600, flush: true });
  await rename(`${file}.new`, file);
}
