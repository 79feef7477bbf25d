/** What a change of the store works with and leaves behind. */
import type { KeywordSpelling, MailboxEntry } from '@postroad/core';
import type { EntryCache } from './entry-cache.js';
import type { AccountRecord, MailboxRecord } from './records.js';
import type { Tables } from './tables.js';

/** Numbers given out; kept in the table `meta`. */
export interface Counters {
  account: number;
  mailbox: number;
  message: number;
  thread: number;
}

/** What a change did to the entries of a mailbox, for the cache. */
export interface EntryDelta {
  readonly mailbox: number;
  readonly fromModSeq: number;
  toModSeq: number;
  readonly set: MailboxEntry[];
  readonly removed: number[];
}

/** The records that changes of one group have made so far, written once at its end. */
export interface GroupRecords {
  readonly accounts: Map<string, AccountRecord>;
  /** `null` for those that are gone for good. */
  readonly mailboxes: Map<number, MailboxRecord | null>;
  readonly keywords: Map<number, KeywordSpelling>;
  counters: Counters;
  /** Whether there is anything to write. */
  isChanged: boolean;
}

/** An entry without UID and mod-sequence. */
export type NewEntry = Omit<MailboxEntry, 'uid' | 'modSeq'>;

/** A record with how it was before the change. */
export interface Working<T> {
  readonly record: T | undefined;
  readonly before: T | undefined;
}

/** What every change works with. */
export interface ChangeEnvironment {
  readonly tables: Tables;
  readonly cache: EntryCache;
  readonly changeLogMax: number;
  readonly nowMs: () => number;
}

/** A copy to work on, and what it is a copy of. */
export function workOn<T extends object>(known: T | undefined): Working<T> {
  return { record: known === undefined ? undefined : { ...known }, before: known };
}

/** Whether two flat records say the same. */
export function isSameRecord<T extends object>(a: T | undefined, b: T | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  for (const key in a) if (a[key] !== b[key]) return false;
  return true;
}
