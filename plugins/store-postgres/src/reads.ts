/** What only reads. Each answer is one statement, so that it is of one moment. */
import {
  type Body,
  type BoundedCache,
  boundedCache,
  type Clock,
  EntryIndex,
  type Mailbox,
  type MailboxChanges,
  type MailboxEntry,
  type MessageStructure,
  prefixedBody,
  type StoredMessage,
} from '@postroad/core';
import type { Postgres } from '@postroad/postgres';
import { gone } from './accounts.js';
import { type BodyPlaces, type BodyRow, openBody } from './bodies.js';
import {
  type EntryRow,
  entryColumns,
  entryOf,
  formatId,
  type MailboxRow,
  mailboxOf,
  parseId,
} from './rows.js';

/** The lists of entries that this process has seen, brought up to date with what changed since. */
export interface EntryLists {
  /** Throws `E_NOT_FOUND`. */
  read(mailboxId: string): Promise<EntryIndex>;
}

interface KnownList {
  readonly index: EntryIndex;
  readonly modSeq: number;
}

interface ChangesFound {
  readonly mailbox: MailboxRow;
  readonly changed: readonly EntryRow[];
  readonly vanished: readonly number[];
}

/** Lists of up to so many mailboxes. */
export function createEntryLists(
  database: Postgres,
  options: { readonly mailboxesMax: number; readonly clock: Pick<Clock, 'monotonic'> },
): EntryLists {
  const known: BoundedCache<number, KnownList> = boundedCache({
    entriesMax: options.mailboxesMax,
    clock: options.clock,
  });
  return {
    async read(mailboxId) {
      const number = parseId('F', mailboxId) ?? -1;
      const before = known.get(number);
      const found = await changesSince(database, number, before?.modSeq ?? 0);
      // Forgotten removals would stay in the list.
      const isUsable = before !== undefined && before.modSeq >= found.mailbox.forgotten_mod_seq;
      const { changed, vanished, mailbox } =
        isUsable || before === undefined ? found : await changesSince(database, number, 0);
      const index = isUsable ? new EntryIndex([...before.index.all()]) : new EntryIndex();
      if (isUsable && changed.length === 0 && vanished.length === 0) return before.index;
      index.remove(vanished);
      for (const row of changed) index.set(entryOf(row));
      // A slower read that began before may not put back what a newer one knows.
      if ((known.get(number)?.modSeq ?? 0) <= mailbox.mod_seq) {
        known.set(number, { index, modSeq: mailbox.mod_seq });
      }
      return index;
    },
  };
}

/** What changed in a mailbox. Throws `E_NOT_FOUND`. */
export async function changes(
  database: Postgres,
  mailboxId: string,
  modSeq: number,
): Promise<MailboxChanges> {
  const found = await changesSince(database, parseId('F', mailboxId) ?? -1, modSeq);
  const isComplete = modSeq >= found.mailbox.forgotten_mod_seq;
  return {
    highestModSeq: found.mailbox.mod_seq,
    uidNext: found.mailbox.uid_next,
    changed: found.changed.map(entryOf),
    vanished: isComplete ? found.vanished : [],
    isComplete,
  };
}

async function changesSince(database: Postgres, mailbox: number, modSeq: number): Promise<ChangesFound> {
  type ChangeRow = EntryRow & { readonly gone: number | null; readonly mailbox: string | null };
  const rows = await database.query<ChangeRow>(
    `SELECT ${entryColumns('e')}, NULL::bigint AS gone, NULL AS mailbox FROM postroad_store_entries e
       WHERE e.mailbox_id = $1 AND e.mod_seq > $2
     UNION ALL
     SELECT v.mailbox_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, v.uid, NULL FROM postroad_store_vanished v
       WHERE v.mailbox_id = $1 AND v.mod_seq > $2
     UNION ALL
     SELECT b.id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, to_jsonb(b)::text
       FROM postroad_store_mailboxes b WHERE b.id = $1`,
    [mailbox, modSeq],
  );
  const facts = rows.find((row) => row.mailbox !== null)?.mailbox;
  if (facts === undefined || facts === null) throw gone();
  return {
    mailbox: JSON.parse(facts) as MailboxRow,
    changed: rows.filter((row) => row.mailbox === null && row.gone === null).sort((a, b) => a.uid - b.uid),
    vanished: rows.flatMap((row) => (row.gone === null ? [] : [row.gone])).sort((a, b) => a - b),
  };
}

/** Entries by range, or all of them. */
export async function entriesIn(
  lists: EntryLists,
  mailboxId: string,
  range: { readonly first: number; readonly last: number } | undefined,
): Promise<readonly MailboxEntry[]> {
  const index = await lists.read(mailboxId);
  return range === undefined ? index.all() : index.range(range.first, range.last);
}

/** One mailbox by id. */
export async function mailboxById(database: Postgres, mailboxId: string): Promise<Mailbox | undefined> {
  const [row] = await database.query<MailboxRow>('SELECT * FROM postroad_store_mailboxes WHERE id = $1', [
    parseId('F', mailboxId) ?? -1,
  ]);
  return row === undefined ? undefined : mailboxOf(row);
}

/** The structures of messages, in order. */
export async function messages(
  database: Postgres,
  messageIds: readonly string[],
): Promise<readonly (StoredMessage | undefined)[]> {
  const rows = await database.query<{
    id: number;
    size_bytes: number;
    header_bytes: number;
    structure: string;
  }>(
    `SELECT id, size_bytes, header_bytes, structure FROM postroad_store_messages WHERE id = ANY ($1::bigint[])`,
    [messageIds.map((id) => parseId('M', id) ?? -1)],
  );
  const byId = new Map(
    rows.map((row): readonly [string, StoredMessage] => {
      const messageId = formatId('M', row.id);
      const structure = JSON.parse(row.structure) as MessageStructure;
      return [
        messageId,
        { messageId, sizeBytes: row.size_bytes, headerSizeBytes: row.header_bytes, ...structure },
      ];
    }),
  );
  return messageIds.map((id) => byId.get(id));
}

/** The whole content. */
export async function openMessage(places: BodyPlaces, messageId: string): Promise<Body | undefined> {
  const [row] = await places.database.query<BodyRow & { readonly prefix: Buffer }>(
    `SELECT m.prefix, b.digest, b.size_bytes, b.has_8bit, b.header_bytes, b.octets, b.blob
     FROM postroad_store_messages m JOIN postroad_store_bodies b ON b.digest = m.body WHERE m.id = $1`,
    [parseId('M', messageId) ?? -1],
  );
  return row === undefined ? undefined : prefixedBody(row.prefix, await openBody(places, row));
}
