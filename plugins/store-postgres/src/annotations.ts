/** Annotations of mailboxes and accounts (RFC 5464). */
import { type AnnotationPlace, changedAnnotations, splitAnnotations } from '@postroad/core';
import type { Connection, Postgres } from '@postroad/postgres';
import { gone, lockAccounts, lockMailboxes, type Work } from './accounts.js';
import { parseId } from './rows.js';

/** Stands for everybody where an account stands else, and for the account itself where a mailbox does. */
const everybody = '';
const noMailbox = 0;

type Values = ReadonlyMap<string, Uint8Array>;

interface AnnotationRow {
  readonly account_id: string;
  readonly entry: string;
  readonly value: Buffer;
}

/** Those of a place. Throws `E_NOT_FOUND`. */
export async function annotationsOf(
  database: Postgres,
  { accountId, mailboxId }: AnnotationPlace,
): Promise<Values> {
  const mailbox = mailboxId === undefined ? noMailbox : (parseId('F', mailboxId) ?? -1);
  if (mailboxId !== undefined) {
    const known = await database.query('SELECT 1 FROM postroad_store_mailboxes WHERE id = $1', [mailbox]);
    if (known.length === 0) throw gone();
  }
  const rows = await select(database, mailbox, accountId);
  return new Map(rows.map((row) => [row.entry, new Uint8Array(row.value)]));
}

/** Sets and removes entries; resolves with whose place it was. `E_QUOTA`, `E_NOT_FOUND`. */
export async function annotate(
  work: Work,
  { accountId, mailboxId }: AnnotationPlace,
  values: ReadonlyMap<string, Uint8Array | null>,
): Promise<string> {
  const { connection } = work;
  let mailbox = noMailbox;
  let placeOf = accountId;
  if (mailboxId === undefined) await lockAccounts(work, [accountId]);
  else {
    const [row] = (await lockMailboxes(connection, [mailboxId], { hasAccount: false })).mailboxes;
    mailbox = row?.id ?? noMailbox;
    placeOf = row?.account_id ?? accountId;
  }
  const [shared, own] = splitAnnotations(values);
  const rows = await select(connection, mailbox, accountId);
  for (const [account, changes] of [
    [everybody, shared],
    [accountId, own],
  ] as const) {
    const before = new Map(
      rows.filter((row) => row.account_id === account).map((row) => [row.entry, new Uint8Array(row.value)]),
    );
    // Throws when there would be too many or too long ones.
    changedAnnotations(before, changes);
    await write(connection, mailbox, account, changes);
  }
  return placeOf;
}

async function write(
  connection: Connection,
  mailbox: number,
  account: string,
  changes: ReadonlyMap<string, Uint8Array | null>,
): Promise<void> {
  for (const [entry, value] of changes) {
    if (value === null) {
      await connection.run(
        'DELETE FROM postroad_store_annotations WHERE mailbox_id = $1 AND account_id = $2 AND entry = $3',
        [mailbox, account, entry],
      );
    } else {
      await connection.run(
        `INSERT INTO postroad_store_annotations (mailbox_id, account_id, entry, value) VALUES ($1, $2, $3, $4)
         ON CONFLICT (mailbox_id, account_id, entry) DO UPDATE SET value = EXCLUDED.value`,
        [mailbox, account, entry, Buffer.from(value)],
      );
    }
  }
}

async function select(
  connection: Connection,
  mailbox: number,
  accountId: string,
): Promise<readonly AnnotationRow[]> {
  return await connection.query<AnnotationRow>(
    `SELECT account_id, entry, value FROM postroad_store_annotations
     WHERE mailbox_id = $1 AND account_id = ANY ($2::text[]) ORDER BY account_id, entry`,
    [mailbox, [everybody, accountId]],
  );
}
