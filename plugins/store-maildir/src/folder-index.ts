/**
 * `postroad-index`: what a Maildir itself can not say of a mailbox. A line of JSON for the mailbox, then one for each
 * commit with UIDs, flags and removals. The files are the truth: what the index lacks after a crash is found again by
 * looking at them, and was never told to anybody.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { MailboxEntry, SpecialUse } from '@postroad/core';
import { type Owner, replaceFile, textOf } from './disk.js';

/** The first line. */
export interface IndexHeader {
  readonly version: 1;
  /** Of the mailbox's id; never used again in the account. */
  readonly number: number;
  readonly uidValidity: number;
  readonly specialUse: SpecialUse | null;
}

/** A message as the index has it. `ownId` is its Message-ID. */
export type IndexedMessage = readonly [
  uid: number,
  base: string,
  messageId: string,
  threadId: string,
  ownId: string | null,
  sizeBytes: number,
  internalDateMs: number,
  savedAtMs: number,
  flags: readonly string[],
];

/** A message for the index. */
export function indexedOf(entry: MailboxEntry, base: string, ownId: string | null): IndexedMessage {
  const { uid, messageId, threadId, sizeBytes, internalDateMs, savedAtMs, flags } = entry;
  return [uid, base, messageId, threadId, ownId, sizeBytes, internalDateMs, savedAtMs, flags];
}

/** One commit. */
export interface IndexRow {
  readonly modSeq: number;
  readonly uidNext: number;
  /** The lowest UID that may be recent; left out by versions that knew none. */
  readonly firstRecent?: number;
  readonly added?: readonly IndexedMessage[];
  readonly reflagged?: readonly (readonly [uid: number, flags: readonly string[]])[];
  readonly removed?: readonly number[];
  /** Only in an index written anew: removals with their mod-sequences, and up to which they are forgotten. */
  readonly vanished?: readonly (readonly [modSeq: number, uid: number])[];
  readonly forgottenUpTo?: number;
}

/** An index that was read. */
export interface LoadedIndex {
  readonly header: IndexHeader;
  readonly rows: readonly IndexRow[];
  /** Whether the last line was cut off by a crash: the index must be written anew before it is added to. */
  readonly isTorn: boolean;
}

const indexName = 'postroad-index';

/** Reads the index of a mailbox; `undefined` when there is none, or one that is damaged. */
export async function readIndex(directory: string): Promise<LoadedIndex | undefined> {
  const text = await textOf(join(directory, indexName));
  if (text === undefined) return undefined;
  const lines = text.split('\n');
  const isTorn = lines.pop() !== '';
  try {
    const [first = '', ...rest] = lines;
    const header = JSON.parse(first) as IndexHeader;
    if (header.version !== 1 || !Number.isSafeInteger(header.number)) return undefined;
    return { header, rows: rest.map((line) => JSON.parse(line) as IndexRow), isTorn };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Adds commits; durable when it resolves. */
export async function addToIndex(directory: string, rows: readonly IndexRow[]): Promise<void> {
  const handle = await open(join(directory, indexName), constants.O_WRONLY | constants.O_APPEND);
  try {
    await handle.writeFile(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

/** Writes the whole index anew. */
export async function writeIndex(
  directory: string,
  header: IndexHeader,
  rows: readonly IndexRow[],
  owner: Owner | undefined,
  touched?: Set<string>,
): Promise<void> {
  const lines = [header, ...rows].map((line) => `${JSON.stringify(line)}\n`);
  await replaceFile(join(directory, indexName), lines.join(''), owner, touched);
}
