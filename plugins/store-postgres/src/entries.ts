/** Adding, changing and removing entries of a mailbox that is locked. One change is one step of its mod-sequence. */
import { MailError } from '@postroad/core';
import { type Connection, createParameters, tableOf } from '@postroad/postgres';
import { type AccountRow, type EntryRow, isUnseen, type MailboxRow } from './rows.js';

/** An entry that has no place yet. */
export type NewEntry = Omit<EntryRow, 'mailbox_id' | 'uid' | 'mod_seq'>;

const uidMax = 2 ** 32 - 1;
/** Removed UIDs that are forgotten in one go: a few more than a change adds. */
const forgetSlack = 64;

/** Entries that were given their UIDs; `insertEntries` writes them. */
export function appendTo(mailbox: MailboxRow, account: AccountRow, added: readonly NewEntry[]): EntryRow[] {
  if (added.length === 0) return [];
  mailbox.mod_seq++;
  return added.map((entry) => {
    const uid = mailbox.uid_next++;
    if (uid > uidMax) throw new MailError('E_MAILBOX_STORE', 'a mailbox has given out all its UIDs');
    count(mailbox, account, entry, 1);
    return { ...entry, mailbox_id: mailbox.id, uid, mod_seq: mailbox.mod_seq };
  });
}

/** Writes new entries. */
export async function insertEntries(connection: Connection, rows: readonly EntryRow[]): Promise<void> {
  if (rows.length === 0) return;
  const parameters = createParameters();
  const table = tableOf(parameters, 'n', rows, [
    ['mailbox_id', 'bigint', (row) => row.mailbox_id],
    ['uid', 'bigint', (row) => row.uid],
    ['mod_seq', 'bigint', (row) => row.mod_seq],
    // Arrays of arrays must have one length: each list is an array in text, which PostgreSQL reads.
    ['flags', 'text', (row) => JSON.stringify(row.flags)],
    ['message_id', 'bigint', (row) => row.message_id],
    ['thread_id', 'bigint', (row) => row.thread_id],
    ['size_bytes', 'bigint', (row) => row.size_bytes],
    ['internal_ms', 'bigint', (row) => row.internal_ms],
    ['saved_ms', 'bigint', (row) => row.saved_ms],
  ]);
  await connection.run(
    `INSERT INTO postroad_store_entries
     SELECT n.mailbox_id, n.uid, n.mod_seq, ${listOf('n.flags')}, n.message_id, n.thread_id, n.size_bytes,
       n.internal_ms, n.saved_ms FROM ${table}`,
    parameters.values,
  );
}

/** Gives entries new flags. */
export async function reflag(
  connection: Connection,
  mailbox: MailboxRow,
  changes: readonly (readonly [entry: EntryRow, flags: readonly string[]])[],
): Promise<readonly EntryRow[]> {
  if (changes.length === 0) return [];
  mailbox.mod_seq++;
  const rows = changes.map(([entry, flags]): EntryRow => {
    mailbox.unseen += Number(isUnseen(flags)) - Number(isUnseen(entry.flags));
    return { ...entry, flags, mod_seq: mailbox.mod_seq };
  });
  const parameters = createParameters();
  const table = tableOf(parameters, 'n', rows, [
    ['uid', 'bigint', (row) => row.uid],
    ['flags', 'text', (row) => JSON.stringify(row.flags)],
  ]);
  const id = parameters.add(mailbox.id, 'bigint');
  const modSeq = parameters.add(mailbox.mod_seq, 'bigint');
  await connection.run(
    `UPDATE postroad_store_entries e SET flags = ${listOf('n.flags')}, mod_seq = ${modSeq}
     FROM ${table} WHERE e.mailbox_id = ${id} AND e.uid = n.uid`,
    parameters.values,
  );
  return rows;
}

/** Takes entries out of the mailbox and notes that they vanished; what becomes of their messages is the caller's. */
export async function removeFrom(
  connection: Connection,
  mailbox: MailboxRow,
  account: AccountRow,
  entries: readonly EntryRow[],
  vanishedMax: number,
): Promise<void> {
  if (entries.length === 0) return;
  mailbox.mod_seq++;
  for (const entry of entries) count(mailbox, account, entry, -1);
  mailbox.vanished += entries.length;
  await connection.run(
    `WITH gone AS (
       DELETE FROM postroad_store_entries WHERE mailbox_id = $1 AND uid = ANY ($2::bigint[]) RETURNING uid
     ) INSERT INTO postroad_store_vanished (mailbox_id, mod_seq, uid) SELECT $1, $3, uid FROM gone`,
    [mailbox.id, entries.map((entry) => entry.uid), mailbox.mod_seq],
  );
  if (mailbox.vanished > vanishedMax + forgetSlack) await forget(connection, mailbox, vanishedMax);
}

/** Forgets the oldest removals, whole changes at a time, and remembers up to where. */
async function forget(connection: Connection, mailbox: MailboxRow, vanishedMax: number): Promise<void> {
  const [row] = await connection.query<{ number: number; up_to: number | null }>(
    `WITH kept AS (
       SELECT mod_seq FROM postroad_store_vanished WHERE mailbox_id = $1 ORDER BY mod_seq DESC OFFSET $2 LIMIT 1
     ), gone AS (
       DELETE FROM postroad_store_vanished v USING kept WHERE v.mailbox_id = $1 AND v.mod_seq < kept.mod_seq
       RETURNING v.mod_seq
     ) SELECT count(*)::int AS number, max(mod_seq) AS up_to FROM gone`,
    [mailbox.id, vanishedMax - 1],
  );
  mailbox.vanished -= row?.number ?? 0;
  mailbox.forgotten_mod_seq = Math.max(mailbox.forgotten_mod_seq, row?.up_to ?? 0);
}

/** Writes mailboxes back. */
export async function saveMailboxes(connection: Connection, mailboxes: readonly MailboxRow[]): Promise<void> {
  const parameters = createParameters();
  const table = tableOf(parameters, 'n', mailboxes, [
    ['id', 'bigint', (row) => row.id],
    ['uid_next', 'bigint', (row) => row.uid_next],
    ['mod_seq', 'bigint', (row) => row.mod_seq],
    ['messages', 'bigint', (row) => row.messages],
    ['unseen', 'bigint', (row) => row.unseen],
    ['size_bytes', 'bigint', (row) => row.size_bytes],
    ['vanished', 'bigint', (row) => row.vanished],
    ['forgotten', 'bigint', (row) => row.forgotten_mod_seq],
  ]);
  await connection.run(
    `UPDATE postroad_store_mailboxes m SET uid_next = n.uid_next, mod_seq = n.mod_seq, messages = n.messages,
       unseen = n.unseen, size_bytes = n.size_bytes, vanished = n.vanished, forgotten_mod_seq = n.forgotten
     FROM ${table} WHERE m.id = n.id`,
    parameters.values,
  );
}

/** Those of the UIDs that are there, ascending. */
export async function entriesOf(
  connection: Connection,
  mailbox: MailboxRow,
  uids: readonly number[],
): Promise<readonly EntryRow[]> {
  if (uids.length === 0) return [];
  return await connection.query<EntryRow>(
    'SELECT * FROM postroad_store_entries WHERE mailbox_id = $1 AND uid = ANY ($2::bigint[]) ORDER BY uid',
    [mailbox.id, uids],
  );
}

function count(mailbox: MailboxRow, account: AccountRow, entry: NewEntry, by: 1 | -1): void {
  mailbox.messages += by;
  mailbox.size_bytes += by * entry.size_bytes;
  if (isUnseen(entry.flags)) mailbox.unseen += by;
  account.messages += by;
  account.used_bytes += by * entry.size_bytes;
}

/** A list in JSON as an array, in its order. */
function listOf(column: string): string {
  return `ARRAY(SELECT f.flag FROM jsonb_array_elements_text(${column}::jsonb) WITH ORDINALITY AS f(flag, place) ORDER BY f.place)`;
}
