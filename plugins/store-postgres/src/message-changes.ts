/** Flags, copies, moves and removals. */
import {
  type Copied,
  changedFlags,
  type FlagChange,
  type FlagsChanged,
  type MailboxStore,
  MailError,
  normaliseFlags,
  sortedUids,
} from '@postroad/core';
import { type Connection, createParameters, tableOf } from '@postroad/postgres';
import { lockAccounts, lockMailboxes, saveAccounts, type Work } from './accounts.js';
import { letGoBodies } from './bodies.js';
import { appendTo, entriesOf, insertEntries, reflag, removeFrom, saveMailboxes } from './entries.js';
import { type AccountRow, type EntryRow, entryOf, type MailboxRow, parseId, spellingOf } from './rows.js';
import { keepSubscription } from './subscriptions.js';

/** Changes flags; only the mailbox is locked. Keywords that the account does not know yet are learnt before. */
export async function changeFlags(
  { connection }: Work,
  mailboxId: string,
  uids: readonly number[],
  change: FlagChange,
): Promise<{ readonly accountId: string; readonly changed: FlagsChanged }> {
  const { mailboxes } = await lockMailboxes(connection, [mailboxId], { hasAccount: false });
  const mailbox = mailboxes[0] as MailboxRow;
  const flags = normaliseFlags(change.flags, await spellings(connection, mailbox.account_id));
  const limit = change.unchangedSince ?? Number.POSITIVE_INFINITY;
  const refused: number[] = [];
  const changes: (readonly [EntryRow, readonly string[]])[] = [];
  for (const entry of await entriesOf(connection, mailbox, sortedUids(uids))) {
    const after = changedFlags(entry.flags, { mode: change.mode, flags });
    if (entry.mod_seq > limit) refused.push(entry.uid);
    else if (after !== undefined) changes.push([entry, after]);
  }
  const rows = await reflag(connection, mailbox, changes);
  if (rows.length > 0) await saveMailboxes(connection, [mailbox]);
  const changed = { entries: rows.map(entryOf), refused, highestModSeq: mailbox.mod_seq };
  return { accountId: mailbox.account_id, changed };
}

/** Learns how keywords are spelt, in a transaction of its own; does nothing when all are known. */
export async function learnKeywords(work: Work, mailboxId: string, flags: readonly string[]): Promise<void> {
  const [row] = await work.connection.query<{ account_id: string }>(
    'SELECT account_id FROM postroad_store_mailboxes WHERE id = $1',
    [parseId('F', mailboxId) ?? -1],
  );
  if (row === undefined) return;
  const account = (await lockAccounts(work, [row.account_id])).get(row.account_id) as AccountRow;
  const spelling = spellingOf(account);
  normaliseFlags(flags, spelling);
  if (!spelling.isChanged) return;
  await work.connection.run('UPDATE postroad_store_accounts SET keywords = $2 WHERE id = $1', [
    account.id,
    JSON.stringify(spelling.list()),
  ]);
}

async function spellings(connection: Connection, accountId: string): Promise<ReturnType<typeof spellingOf>> {
  const [row] = await connection.query<{ keywords: string }>(
    'SELECT keywords FROM postroad_store_accounts WHERE id = $1',
    [accountId],
  );
  return spellingOf(row ?? { keywords: '[]' });
}

/** A copy or move, and whose it was. */
export interface CopiedIn {
  readonly accountId: string;
  readonly copied: Copied;
}

/** Copies within the account. */
export async function copy(
  work: Work,
  mailboxId: string,
  uids: readonly number[],
  targetMailboxId: string,
): Promise<CopiedIn> {
  const { connection } = work;
  const locked = await lockMailboxes(connection, [mailboxId, targetMailboxId], { hasAccount: true });
  const [source, target] = locked.mailboxes as [MailboxRow, MailboxRow];
  const account = locked.account as AccountRow;
  const found = await entriesOf(connection, source, sortedUids(uids));
  const sizeBytes = found.reduce((sum, entry) => sum + entry.size_bytes, 0);
  if (account.limit_bytes !== null && account.used_bytes + sizeBytes > account.limit_bytes) {
    throw new MailError('E_QUOTA', 'the account has no room for the copies');
  }
  const copied = await appendCopies(work, account, found, target);
  if (found.length > 0) {
    await holdMessages(connection, found);
    await saveMailboxes(connection, [target]);
    await saveAccounts(connection, [account]);
  }
  return { accountId: account.id, copied };
}

/** Moves within the account. */
export async function move(
  work: Work,
  mailboxId: string,
  uids: readonly number[],
  targetMailboxId: string,
  vanishedMax: number,
): Promise<CopiedIn> {
  const locked = await lockMailboxes(work.connection, [mailboxId, targetMailboxId], { hasAccount: true });
  const [source, target] = locked.mailboxes as [MailboxRow, MailboxRow];
  const found = await entriesOf(work.connection, source, sortedUids(uids));
  const account = locked.account as AccountRow;
  const copied = await moveEntries(work, account, found, [source, target], vanishedMax);
  return { accountId: account.id, copied };
}

/** Moves entries as they are; everything is locked. */
export async function moveEntries(
  work: Work,
  account: AccountRow,
  found: readonly EntryRow[],
  [source, target]: readonly [MailboxRow, MailboxRow],
  vanishedMax: number,
): Promise<Copied> {
  const copied = await appendCopies(work, account, found, target);
  if (found.length === 0) return copied;
  await removeFrom(work.connection, source, account, found, vanishedMax);
  await saveMailboxes(work.connection, source === target ? [source] : [source, target]);
  await saveAccounts(work.connection, [account]);
  return copied;
}

async function appendCopies(
  { connection, nowMs }: Work,
  account: AccountRow,
  found: readonly EntryRow[],
  target: MailboxRow,
): Promise<Copied> {
  const rows = appendTo(
    target,
    account,
    found.map((entry) => ({ ...entry, saved_ms: nowMs })),
  );
  await insertEntries(connection, rows);
  const pairs = found.map((entry, at) => [entry.uid, (rows[at] as EntryRow).uid] as const);
  return { uidValidity: target.uid_validity, pairs };
}

/** Removes messages. */
export async function expunge(
  { connection }: Work,
  mailboxId: string,
  uids: readonly number[],
  vanishedMax: number,
): Promise<{ readonly accountId: string; readonly removed: Awaited<ReturnType<MailboxStore['expunge']>> }> {
  const locked = await lockMailboxes(connection, [mailboxId], { hasAccount: true });
  const mailbox = locked.mailboxes[0] as MailboxRow;
  const account = locked.account as AccountRow;
  const found = await entriesOf(connection, mailbox, sortedUids(uids));
  if (found.length > 0) {
    await removeFrom(connection, mailbox, account, found, vanishedMax);
    await letGoMessages(connection, found);
    await saveMailboxes(connection, [mailbox]);
    await saveAccounts(connection, [account]);
  }
  const removed = { uids: found.map((entry) => entry.uid), highestModSeq: mailbox.mod_seq };
  return { accountId: account.id, removed };
}

/** Removes a mailbox that is locked, and its messages. */
export async function dropMailbox(
  connection: Connection,
  account: AccountRow,
  mailbox: MailboxRow,
): Promise<void> {
  const entries = await connection.query<EntryRow>(
    'DELETE FROM postroad_store_entries WHERE mailbox_id = $1 RETURNING *',
    [mailbox.id],
  );
  await letGoMessages(connection, entries);
  await connection.run('DELETE FROM postroad_store_vanished WHERE mailbox_id = $1', [mailbox.id]);
  await connection.run('DELETE FROM postroad_store_annotations WHERE mailbox_id = $1', [mailbox.id]);
  await connection.run('DELETE FROM postroad_store_shares WHERE mailbox_id = $1', [mailbox.id]);
  await connection.run('DELETE FROM postroad_store_mailboxes WHERE id = $1', [mailbox.id]);
  await keepSubscription(connection, mailbox);
  account.used_bytes -= mailbox.size_bytes;
  account.messages -= mailbox.messages;
  await saveAccounts(connection, [account]);
}

async function holdMessages(connection: Connection, entries: readonly EntryRow[]): Promise<void> {
  await changeHolders(connection, entries, '+');
}

async function letGoMessages(connection: Connection, entries: readonly EntryRow[]): Promise<void> {
  if (entries.length === 0) return;
  const ids = await changeHolders(connection, entries, '-');
  const gone = await connection.query<{ body: string }>(
    'DELETE FROM postroad_store_messages WHERE id = ANY ($1::bigint[]) AND holders <= 0 RETURNING body',
    [ids],
  );
  const digests = new Map<string, number>();
  for (const { body } of gone) digests.set(body, (digests.get(body) ?? 0) + 1);
  await letGoBodies(connection, digests);
}

async function changeHolders(
  connection: Connection,
  entries: readonly EntryRow[],
  sign: '+' | '-',
): Promise<readonly number[]> {
  const counts = new Map<number, number>();
  for (const { message_id } of entries) counts.set(message_id, (counts.get(message_id) ?? 0) + 1);
  const ids = [...counts.keys()].sort((a, b) => a - b);
  await connection.run(
    'SELECT 1 FROM postroad_store_messages WHERE id = ANY ($1::bigint[]) ORDER BY id FOR UPDATE',
    [ids],
  );
  const parameters = createParameters();
  const table = tableOf(parameters, 'n', ids, [
    ['id', 'bigint', (id) => id],
    ['number', 'bigint', (id) => counts.get(id)],
  ]);
  await connection.run(
    `UPDATE postroad_store_messages m SET holders = m.holders ${sign} n.number FROM ${table} WHERE m.id = n.id`,
    parameters.values,
  );
  return ids;
}
