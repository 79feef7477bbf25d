/**
 * Accounts and their mailboxes, inside a transaction. Locks are taken in one order everywhere: accounts by id, then
 * mailboxes by id; so no two changes wait for each other.
 */
import { defaultMailboxes, MailError, mailboxParents, requireMailboxName } from '@postroad/core';
import { type Connection, createParameters, tableOf } from '@postroad/postgres';
import type { Ids } from './ids.js';
import type { AccountRow, MailboxRow } from './rows.js';
import { parseId } from './rows.js';
import { takenUp } from './subscriptions.js';

/** Most mailboxes of an account. */
const mailboxesMax = 10_000;

/** What changes need of the store. */
export interface Work {
  readonly connection: Connection;
  readonly ids: Ids;
  readonly nowMs: number;
}

/** The accounts, locked until the transaction ends; made with their usual mailboxes on first use. */
export async function lockAccounts(
  work: Work,
  accountIds: readonly string[],
): Promise<Map<string, AccountRow>> {
  const wanted = [...new Set(accountIds)].sort();
  const select = () =>
    work.connection.query<AccountRow>(
      'SELECT * FROM postroad_store_accounts WHERE id = ANY ($1::text[]) ORDER BY id FOR UPDATE',
      [wanted],
    );
  let rows = await select();
  if (rows.length < wanted.length) {
    const known = new Set(rows.map((row) => row.id));
    for (const id of wanted) if (!known.has(id)) await makeAccount(work, id);
    rows = await select();
  }
  return new Map(rows.map((row) => [row.id, { ...row }]));
}

async function makeAccount(work: Work, id: string): Promise<void> {
  const made = await work.connection.run(
    'INSERT INTO postroad_store_accounts (id) VALUES ($1) ON CONFLICT DO NOTHING',
    [id],
  );
  // Another transaction has made it, and its mailboxes with it.
  if (made === 0) return;
  const account: AccountRow = {
    id,
    last_uid_validity: 0,
    limit_bytes: null,
    used_bytes: 0,
    messages: 0,
    keywords: '[]',
  };
  for (const { name, specialUse } of defaultMailboxes) {
    await addMailbox(work, account, name, { specialUse: specialUse ?? null, isSubscribed: true });
  }
  await saveAccounts(work.connection, [account]);
}

/** Makes a mailbox and its missing parents. The account is locked. */
export async function createMailbox(
  work: Work,
  account: AccountRow,
  name: string,
  options: { readonly specialUse: string | null; readonly isSubscribed: boolean },
): Promise<MailboxRow> {
  const normal = requireMailboxName(name);
  const names = await namesOf(work.connection, account.id);
  if (names.has(normal)) throw exists();
  if (names.size >= mailboxesMax) throw new MailError('E_MAILBOX_NAME', 'the account has too many mailboxes');
  await addParents(work, account, normal, new Set(names.keys()));
  const made = await addMailbox(work, account, normal, options);
  await saveAccounts(work.connection, [account]);
  return made;
}

/** Renames a mailbox that is not INBOX, with all below it. The account is locked. */
export async function renameMailbox(
  work: Work,
  account: AccountRow,
  mailbox: MailboxRow,
  name: string,
): Promise<void> {
  const normal = requireMailboxName(name);
  const from = `${mailbox.name}/`;
  if (normal.startsWith(from)) throw new MailError('E_MAILBOX_NAME', 'a mailbox can not move below itself');
  const others = await namesOf(work.connection, account.id);
  if (others.has(normal)) throw exists();
  const renamed: (readonly [id: number, name: string])[] = [[mailbox.id, normal]];
  for (const [old, id] of others) {
    if (!old.startsWith(from)) continue;
    const to = requireMailboxName(`${normal}/${old.slice(from.length)}`);
    if (others.has(to)) throw exists();
    renamed.push([id, to]);
  }
  await addParents(work, account, normal, new Set(others.keys()));
  const parameters = createParameters();
  const table = tableOf(parameters, 'n', renamed, [
    ['id', 'bigint', ([id]) => id],
    ['name', 'text', ([, to]) => to],
  ]);
  const names = parameters.add(
    renamed.map(([, to]) => to),
    'text[]',
  );
  const saved = await work.connection.query<Pick<MailboxRow, 'id' | 'is_subscribed'>>(
    `${takenUp(parameters.add(account.id, 'text'), `ANY (${names})`)}
     UPDATE postroad_store_mailboxes m
     SET name = n.name, is_subscribed = m.is_subscribed OR EXISTS (SELECT FROM taken_up t WHERE t.name = n.name)
     FROM ${table} WHERE m.id = n.id RETURNING m.id, m.is_subscribed`,
    parameters.values,
  );
  await saveAccounts(work.connection, [account]);
  mailbox.name = normal;
  mailbox.is_subscribed = saved.some((row) => row.id === mailbox.id && row.is_subscribed);
}

/** Writes accounts back. */
export async function saveAccounts(connection: Connection, accounts: readonly AccountRow[]): Promise<void> {
  const parameters = createParameters();
  const table = tableOf(parameters, 'n', accounts, [
    ['id', 'text', (row) => row.id],
    ['last_uid_validity', 'bigint', (row) => row.last_uid_validity],
    ['used_bytes', 'bigint', (row) => row.used_bytes],
    ['messages', 'bigint', (row) => row.messages],
  ]);
  await connection.run(
    `UPDATE postroad_store_accounts a SET last_uid_validity = n.last_uid_validity, used_bytes = n.used_bytes,
       messages = n.messages FROM ${table} WHERE a.id = n.id`,
    parameters.values,
  );
}

/** A mailbox with its account locked first, then itself. Throws `E_NOT_FOUND`. */
export async function lockMailboxes(
  connection: Connection,
  mailboxIds: readonly string[],
  options: { readonly hasAccount: boolean },
): Promise<{ readonly account: AccountRow | undefined; readonly mailboxes: readonly MailboxRow[] }> {
  const numbers = mailboxIds.map((id) => parseId('F', id));
  if (numbers.some((number) => number === undefined)) throw gone();
  const asked = [...new Set(numbers as number[])].sort((a, b) => a - b);
  const found = await connection.query<{ account_id: string }>(
    'SELECT DISTINCT account_id FROM postroad_store_mailboxes WHERE id = ANY ($1::bigint[])',
    [asked],
  );
  // Two mailboxes of different accounts have nothing to do with each other.
  if (found.length !== 1) throw gone();
  const [account] = options.hasAccount
    ? await connection.query<AccountRow>('SELECT * FROM postroad_store_accounts WHERE id = $1 FOR UPDATE', [
        found[0]?.account_id,
      ])
    : [];
  const rows = await connection.query<MailboxRow>(
    'SELECT * FROM postroad_store_mailboxes WHERE id = ANY ($1::bigint[]) ORDER BY id FOR UPDATE',
    [asked],
  );
  if (rows.length < asked.length) throw gone();
  const byId = new Map(rows.map((row) => [row.id, { ...row }]));
  return {
    account: account === undefined ? undefined : { ...account },
    mailboxes: numbers.map((number) => byId.get(number as number) as MailboxRow),
  };
}

/** The mailbox is not there, or not any more. */
export function gone(): MailError {
  return new MailError('E_NOT_FOUND', 'there is no such mailbox');
}

function exists(): MailError {
  return new MailError('E_MAILBOX_EXISTS', 'there is a mailbox of that name already');
}

async function namesOf(connection: Connection, accountId: string): Promise<Map<string, number>> {
  const rows = await connection.query<{ id: number; name: string }>(
    'SELECT id, name FROM postroad_store_mailboxes WHERE account_id = $1',
    [accountId],
  );
  return new Map(rows.map((row) => [row.name, row.id]));
}

async function addParents(
  work: Work,
  account: AccountRow,
  name: string,
  names: ReadonlySet<string>,
): Promise<void> {
  for (const parent of mailboxParents(name)) {
    if (!names.has(parent))
      await addMailbox(work, account, parent, { specialUse: null, isSubscribed: false });
  }
}

async function addMailbox(
  work: Work,
  account: AccountRow,
  name: string,
  options: { readonly specialUse: string | null; readonly isSubscribed: boolean },
): Promise<MailboxRow> {
  // A name that is made anew needs a value that it never had (RFC 9051 section 2.3.1.1).
  account.last_uid_validity = Math.max(account.last_uid_validity + 1, Math.floor(work.nowMs / 1000));
  const [id] = await work.ids.take(work.connection, 1);
  const [row] = await work.connection.query<MailboxRow>(
    `${takenUp('$2', '$3')}
     INSERT INTO postroad_store_mailboxes (id, account_id, name, uid_validity, special_use, is_subscribed)
     VALUES ($1, $2, $3, $4, $5, $6 OR EXISTS (SELECT FROM taken_up)) RETURNING *`,
    [id, account.id, name, account.last_uid_validity, options.specialUse, options.isSubscribed],
  );
  return row as MailboxRow;
}
