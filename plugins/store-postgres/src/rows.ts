/** Rows as the values of the contract, and back. */
import { KeywordSpelling, type Mailbox, type MailboxEntry, type SpecialUse } from '@postroad/core';

/** A row of `postroad_store_mailboxes`. Working copies of it are altered and written back. */
export interface MailboxRow {
  readonly id: number;
  readonly account_id: string;
  name: string;
  uid_validity: number;
  uid_next: number;
  mod_seq: number;
  messages: number;
  unseen: number;
  size_bytes: number;
  readonly special_use: string | null;
  is_subscribed: boolean;
  vanished: number;
  forgotten_mod_seq: number;
  /** The lowest UID that no session has claimed as `\Recent`. Never written back: its one writer is `firstRecent`. */
  readonly first_recent: number;
}

/** A row of `postroad_store_accounts`. */
export interface AccountRow {
  readonly id: string;
  last_uid_validity: number;
  readonly limit_bytes: number | null;
  used_bytes: number;
  messages: number;
  readonly keywords: string;
}

/** A row of `postroad_store_entries`. */
export interface EntryRow {
  readonly mailbox_id: number;
  readonly uid: number;
  readonly mod_seq: number;
  readonly flags: readonly string[];
  readonly message_id: number;
  readonly thread_id: number;
  readonly size_bytes: number;
  readonly internal_ms: number;
  readonly saved_ms: number;
}

/** The columns of an entry; `alias` is the table's. */
export function entryColumns(alias: string): string {
  return [
    'mailbox_id',
    'uid',
    'mod_seq',
    'flags',
    'message_id',
    'thread_id',
    'size_bytes',
    'internal_ms',
    'saved_ms',
  ]
    .map((name) => `${alias}.${name}`)
    .join(', ');
}

/** A mailbox for the world. */
export function mailboxOf(row: MailboxRow): Mailbox {
  return {
    id: formatId('F', row.id),
    accountId: row.account_id,
    name: row.name,
    uidValidity: row.uid_validity,
    uidNext: row.uid_next,
    highestModSeq: row.mod_seq,
    messages: row.messages,
    unseen: row.unseen,
    sizeBytes: row.size_bytes,
    ...(row.special_use === null ? {} : { specialUse: row.special_use as SpecialUse }),
    isSubscribed: row.is_subscribed,
  };
}

/** An entry for the world. */
export function entryOf(row: EntryRow): MailboxEntry {
  return {
    uid: row.uid,
    modSeq: row.mod_seq,
    flags: row.flags,
    messageId: formatId('M', row.message_id),
    threadId: formatId('T', row.thread_id),
    sizeBytes: row.size_bytes,
    internalDateMs: row.internal_ms,
    savedAtMs: row.saved_ms,
  };
}

/** How the account's keywords are spelt. */
export function spellingOf(row: Pick<AccountRow, 'keywords'>): KeywordSpelling {
  return new KeywordSpelling(JSON.parse(row.keywords) as string[]);
}

/** Whether a message counts as unseen. */
export function isUnseen(flags: readonly string[]): boolean {
  return !flags.includes('\\Seen');
}

/** An id for the world: `M` and a number. */
export function formatId(kind: 'F' | 'M' | 'T', number: number): string {
  return `${kind}${number.toString(36)}`;
}

/** The number of an id; `undefined` when it is none. */
export function parseId(kind: 'F' | 'M' | 'T', id: string): number | undefined {
  if (id.length > 12 || id[0] !== kind || !/^[0-9a-z]+$/.test(id.slice(1))) return undefined;
  const number = Number.parseInt(id.slice(1), 36);
  return Number.isSafeInteger(number) ? number : undefined;
}
