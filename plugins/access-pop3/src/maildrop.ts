/**
 * The inbox as POP3 sees it (RFC 1939 section 4): a list that stands still while the session lasts, whatever others do
 * to the mailbox meanwhile. Marks are applied at QUIT only.
 */
import { type Body, isMailError, type MailboxEntry, type MailboxStore, MailError } from '@postroad/core';

/** The messages of one session, numbered from 1. */
export interface Maildrop {
  /** Highest message number, deleted ones included. */
  readonly last: number;
  /** The message; `undefined` when there never was one, or it is marked as deleted. */
  entry(number: number): MailboxEntry | undefined;
  /** Number and size of those that are not marked. */
  totals(): { readonly messages: number; readonly octets: number };
  /** Unique for ever: a mailbox's validity and the message's UID in it (RFC 1939 section 7). */
  uniqueId(entry: MailboxEntry): string;
  /** The content; `undefined` when the message is gone. The caller releases it. */
  open(entry: MailboxEntry): Promise<Body | undefined>;
  markDeleted(number: number): void;
  markRetrieved(number: number): void;
  /** Takes all marks of deletion back (RSET). */
  unmark(): void;
  /** How many are marked as deleted. */
  readonly deleted: number;
  /** Deletes what is marked, and marks the retrieved ones as seen; rejects when the store does. */
  commit(): Promise<void>;
}

/** Takes the inbox as it stands now. */
export async function openMaildrop(
  store: MailboxStore,
  accountId: string,
  shouldMarkSeen: boolean,
): Promise<Maildrop> {
  const inbox =
    (await store.mailboxByName(accountId, 'INBOX')) ??
    (await store.mailboxes(accountId)).find((mailbox) => mailbox.name === 'INBOX');
  if (inbox === undefined) throw new MailError('E_NOT_FOUND', 'the account has no inbox');
  const entries = await store.entries(inbox.id);
  const deleted = new Set<number>();
  const retrieved = new Set<number>();
  const octets = entries.reduce((sum, entry) => sum + entry.sizeBytes, 0);
  let deletedOctets = 0;
  const uidOf = (number: number) => (entries[number - 1] as MailboxEntry).uid;

  return {
    last: entries.length,
    entry: (number) => (deleted.has(number) ? undefined : entries[number - 1]),
    totals: () => ({ messages: entries.length - deleted.size, octets: octets - deletedOctets }),
    uniqueId: (entry) => `${inbox.uidValidity}.${entry.uid}`,
    open: (entry) => store.open(entry.messageId),
    markDeleted(number) {
      deleted.add(number);
      deletedOctets += entries[number - 1]?.sizeBytes ?? 0;
    },
    markRetrieved(number) {
      if (shouldMarkSeen && entries[number - 1]?.flags.includes('\\Seen') === false) retrieved.add(number);
    },
    unmark() {
      deleted.clear();
      deletedOctets = 0;
    },
    get deleted() {
      return deleted.size;
    },
    async commit() {
      const seen = [...retrieved].filter((number) => !deleted.has(number)).map(uidOf);
      await whileMailboxExists(async () => {
        if (seen.length > 0) await store.changeFlags(inbox.id, seen, { mode: 'add', flags: ['\\Seen'] });
        if (deleted.size > 0)
          await store.expunge(
            inbox.id,
            [...deleted].map(uidOf).sort((a, b) => a - b),
          );
      });
    },
  };
}

/** A mailbox that is gone has no message left to delete: what was asked for is so. */
async function whileMailboxExists(change: () => Promise<void>): Promise<void> {
  try {
    await change();
  } catch (error) {
    if (!isMailError(error, 'E_NOT_FOUND')) throw error;
  }
}
