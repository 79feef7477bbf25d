/** The records of accounts and mailboxes as they are stored, and ids as the world sees them. */
import { createHash } from 'node:crypto';
import type { Mailbox, SpecialUse } from '@postroad/core';

/** An account. */
export interface AccountRecord {
  readonly number: number;
  lastUidValidity: number;
  limitBytes: number | null;
  usedBytes: number;
  messages: number;
  mailboxes: number;
  /** Names that are subscribed though their mailbox is gone; left out while there never were any. */
  lostSubscriptions?: readonly string[];
}

/** A mailbox. */
export interface MailboxRecord {
  readonly number: number;
  readonly account: number;
  readonly accountId: string;
  name: string;
  readonly uidValidity: number;
  uidNext: number;
  modSeq: number;
  messages: number;
  unseen: number;
  sizeBytes: number;
  readonly specialUse: SpecialUse | null;
  isSubscribed: boolean;
  /** Rows of the change log, and the mod-sequence from which on it is complete. */
  logRows: number;
  logStart: number;
  /** Set while a removed mailbox's messages are being cleared away. */
  isRemoved: boolean;
  /** The lowest UID that no session has claimed as `\Recent`; left out while it is 1. */
  firstRecent?: number;
  /** Who may use it beside its owner; left out while it is not shared. */
  shares?: readonly (readonly [accountId: string, rights: string])[];
}

/** What the world sees of a mailbox. */
export function mailboxFacts(record: MailboxRecord): Mailbox {
  return {
    id: formatId('F', record.number),
    accountId: record.accountId,
    name: record.name,
    uidValidity: record.uidValidity,
    uidNext: record.uidNext,
    highestModSeq: record.modSeq,
    messages: record.messages,
    unseen: record.unseen,
    sizeBytes: record.sizeBytes,
    isSubscribed: record.isSubscribed,
    ...(record.specialUse === null ? {} : { specialUse: record.specialUse }),
  };
}

/** `F` for mailboxes, `M` for messages, `T` for threads: valid object ids (RFC 8474 section 3). */
export type IdKind = 'F' | 'M' | 'T';

/** The id of a numbered thing. */
export function formatId(kind: IdKind, number: number): string {
  return kind + number.toString(36);
}

/** The number of an id; `undefined` for text that is not one of ours. */
export function parseId(kind: IdKind, id: string): number | undefined {
  if (!id.startsWith(kind) || id.length > 12) return undefined;
  const number = Number.parseInt(id.slice(1), 36);
  return Number.isSafeInteger(number) && formatId(kind, number) === id ? number : undefined;
}

/** The key of an account: its id, or a digest of one that is too long or odd for a key. */
export function accountKey(accountId: string): string {
  const isPlain = accountId !== '' && accountId.length <= 400 && !accountId.includes('\0');
  return isPlain ? `=${accountId}` : `#${createHash('sha256').update(accountId).digest('hex')}`;
}

/** The key of a Message-ID in the thread table. */
export function threadKey(messageId: string): string {
  return createHash('sha256').update(messageId).digest('base64').slice(0, 16);
}
