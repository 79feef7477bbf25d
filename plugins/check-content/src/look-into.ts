/**
 * Looks into zip archives, and archives in them. Names come from directories, types from first octets; only an archive
 * inside another is unpacked whole, into the spool. All of it has bounds for the whole message: an archive that unpacks to
 * gigabytes, or contains itself, ends at one of them.
 */
import { type Body, isMailError, type Spool } from '@postroad/core';
import { cleanName } from './attachment-name.js';
import type { Attachment, ContentFacts } from './facts.js';
import type { CheckContentConfig } from './options.js';
import { isZip, opaqueArchives, realTypeOf, sniffOctets } from './real-type.js';
import { firstOctets, unpackEntry } from './unpack-entry.js';
import { readZipDirectory, type ZipEntry } from './zip-directory.js';

/** What one message may still cost. */
export interface Budget {
  entries: number;
  unpackedBytes: number;
}

/** What is found; grows while archives are looked into. */
export interface Found {
  readonly attachments: Attachment[];
  readonly archives: ContentFacts['archives'][number][];
}

/** What looking works with. */
export interface LookParts {
  readonly spool: Spool;
  readonly config: CheckContentConfig;
  readonly budget: Budget;
  readonly found: Found;
  readonly signal: AbortSignal;
}

/** Looks into an archive that is a body; `names` are it and the archives around it. */
export async function lookInto(archive: Body, names: readonly string[], parts: LookParts): Promise<void> {
  const { config, budget, found, signal } = parts;
  const note = (problem: ContentFacts['archives'][number]['problem']) =>
    void found.archives.push({ name: names.join(' > '), problem });
  if (names.length > config.archiveDepthMax) return note('tooDeep');
  const directory = await readZipDirectory(archive, budget.entries);
  if (directory === undefined) return note('broken');
  if (!directory.isWhole) note('tooMany');
  budget.entries -= directory.entries.length;
  if (directory.entries.some(({ isEncrypted }) => isEncrypted)) note('encrypted');
  for (const entry of directory.entries) {
    signal.throwIfAborted();
    if (entry.name.endsWith('/') && entry.sizeBytes === 0) continue;
    await lookAtEntry(archive, entry, names, parts, note);
  }
}

async function lookAtEntry(
  archive: Body,
  entry: ZipEntry,
  names: readonly string[],
  parts: LookParts,
  note: (problem: ContentFacts['archives'][number]['problem']) => void,
): Promise<void> {
  const { found } = parts;
  const name = cleanName(entry.name);
  const base = { name, inside: names, sizeBytes: entry.sizeBytes };
  let realType: string | undefined;
  if (!entry.isEncrypted) {
    try {
      realType = realTypeOf(await firstOctets(archive, entry, sniffOctets));
    } catch (error) {
      if (isMailError(error)) throw error;
      note('broken');
    }
  }
  found.attachments.push({ ...base, ...(realType === undefined ? {} : { realType }) });
  if (realType !== undefined && opaqueArchives.has(realType)) note('opaque');
  else if (entry.isEncrypted || !isZip(name, realType)) return;
  else await lookIntoInner(archive, entry, [...names, name], parts, note);
}

async function lookIntoInner(
  archive: Body,
  entry: ZipEntry,
  names: readonly string[],
  parts: LookParts,
  note: (problem: ContentFacts['archives'][number]['problem']) => void,
): Promise<void> {
  const inner = await unpackWhole(archive, entry, parts);
  if (inner === 'tooBig' || inner === 'broken') return note(inner);
  try {
    await lookInto(inner, names, parts);
  } finally {
    await inner.release();
  }
}

/** A file of an archive as a body of its own, which the caller releases. */
async function unpackWhole(
  archive: Body,
  entry: ZipEntry,
  { spool, budget }: LookParts,
): Promise<Body | 'tooBig' | 'broken'> {
  const writer = spool.writer();
  try {
    for await (const chunk of unpackEntry(archive, entry)) {
      budget.unpackedBytes -= chunk.length;
      if (budget.unpackedBytes < 0) {
        await writer.abort();
        return 'tooBig';
      }
      if (!writer.write(chunk)) await writer.drained();
    }
  } catch (error) {
    await writer.abort();
    if (isMailError(error)) throw error;
    return 'broken';
  }
  return writer.finish();
}
