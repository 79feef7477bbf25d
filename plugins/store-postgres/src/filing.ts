/** Filing messages: all that come at once in one transaction, each stored once however many places it is filed in. */
import { createHash } from 'node:crypto';
import {
  type Filed,
  type Filing,
  type NewMessage,
  normaliseFlags,
  normaliseMailboxName,
  type ParsedMessage,
  threadReferences,
} from '@postroad/core';
import { createParameters, tableOf } from '@postroad/postgres';
import { createMailbox, lockAccounts, saveAccounts, type Work } from './accounts.js';
import { holdBodies, type PreparedBody } from './bodies.js';
import { appendTo, insertEntries, saveMailboxes } from './entries.js';
import { type AccountRow, type EntryRow, formatId, type MailboxRow, parseId, spellingOf } from './rows.js';

/** A message on its way in. */
export interface MessageToFile {
  readonly message: NewMessage;
  readonly parsed: ParsedMessage;
  readonly body: PreparedBody;
  readonly prefix: Buffer;
  readonly filings: readonly Filing[];
  /** What the index of texts knows of it. */
  readonly grams: readonly number[] | null;
}

/** What became of it. */
export interface FiledMessage {
  readonly filed: readonly Filed[];
  /** Accounts whose list of mailboxes changed. */
  readonly lists: ReadonlySet<string>;
  /** The accounts of the mailboxes it is in now, by their ids. */
  readonly accounts: ReadonlyMap<string, string>;
}

/** The rows that a transaction works on. */
interface Bench {
  readonly work: Work;
  readonly accounts: ReadonlyMap<string, AccountRow>;
  readonly byId: Map<number, MailboxRow>;
  readonly byName: Map<string, MailboxRow>;
  readonly threads: Map<string, number>;
  readonly newThreads: Map<
    string,
    { readonly account: string; readonly key: string; readonly thread: number }
  >;
  readonly spellings: Map<string, ReturnType<typeof spellingOf>>;
  readonly lists: Set<string>;
  readonly entries: EntryRow[];
  readonly touched: Set<MailboxRow>;
}

/** Files messages in the transaction at hand; results in their order. */
export async function fileAll(
  work: Work,
  messages: readonly MessageToFile[],
): Promise<readonly FiledMessage[]> {
  const bench = await prepare(work, messages);
  const ids = await work.ids.take(work.connection, messages.length);
  const results: FiledMessage[] = [];
  const stored: { readonly id: number; readonly of: MessageToFile; readonly holders: number }[] = [];
  for (const [at, one] of messages.entries()) {
    const id = ids[at] as number;
    const before = bench.entries.length;
    const lists = new Set<string>();
    const filed: Filed[] = [];
    for (const filing of one.filings) filed.push(await fileOne(bench, one, id, filing, lists));
    const holders = bench.entries.length - before;
    if (holders > 0) stored.push({ id, of: one, holders });
    const accounts = new Map(
      filed.flatMap((each, place) =>
        each.status === 'filed' ? [[each.mailboxId, one.filings[place]?.accountId ?? ''] as const] : [],
      ),
    );
    results.push({ filed, lists, accounts });
  }
  await write(bench, stored);
  return results;
}

async function prepare(work: Work, messages: readonly MessageToFile[]): Promise<Bench> {
  const filings = messages.flatMap((one) => one.filings);
  const accounts = await lockAccounts(
    work,
    filings.map((one) => one.accountId),
  );
  const ids = filings.flatMap(({ mailbox }) => ('id' in mailbox ? (parseId('F', mailbox.id) ?? []) : []));
  const names = filings.flatMap(({ mailbox }) =>
    'name' in mailbox ? (normaliseMailboxName(mailbox.name) ?? []) : [],
  );
  const rows = await work.connection.query<MailboxRow>(
    `SELECT * FROM postroad_store_mailboxes
     WHERE id = ANY ($1::bigint[]) OR (account_id = ANY ($2::text[]) AND name = ANY ($3::text[]))
     ORDER BY id FOR UPDATE`,
    [ids, [...accounts.keys()], names],
  );
  const bench: Bench = {
    work,
    accounts,
    byId: new Map(),
    byName: new Map(),
    threads: await knownThreads(work, messages),
    newThreads: new Map(),
    spellings: new Map([...accounts].map(([id, row]) => [id, spellingOf(row)])),
    lists: new Set(),
    entries: [],
    touched: new Set(),
  };
  for (const row of rows) know(bench, { ...row });
  return bench;
}

async function fileOne(
  bench: Bench,
  one: MessageToFile,
  messageId: number,
  filing: Filing,
  lists: Set<string>,
): Promise<Filed> {
  const { accountId } = filing;
  const account = bench.accounts.get(accountId) as AccountRow;
  const sizeBytes = one.prefix.length + one.message.body.sizeBytes;
  const known = 'id' in filing.mailbox ? bench.byId.get(parseId('F', filing.mailbox.id) ?? -1) : undefined;
  if ('id' in filing.mailbox && known?.account_id !== accountId) return { status: 'missing' };
  if (account.limit_bytes !== null && account.used_bytes + sizeBytes > account.limit_bytes) {
    return { status: 'quota' };
  }
  const name = (filing.mailbox as { readonly name: string }).name;
  const mailbox = known ?? (await mailboxNamed(bench, account, name, lists));
  const [entry] = appendTo(mailbox, account, [
    {
      flags: normaliseFlags(filing.flags, bench.spellings.get(accountId) as ReturnType<typeof spellingOf>),
      message_id: messageId,
      thread_id: await threadOf(bench, accountId, one.parsed),
      size_bytes: sizeBytes,
      internal_ms: one.message.internalDateMs,
      saved_ms: bench.work.nowMs,
    },
  ]) as [EntryRow];
  bench.entries.push(entry);
  bench.touched.add(mailbox);
  return {
    status: 'filed',
    mailboxId: formatId('F', mailbox.id),
    uidValidity: mailbox.uid_validity,
    uid: entry.uid,
  };
}

async function mailboxNamed(
  bench: Bench,
  account: AccountRow,
  name: string,
  lists: Set<string>,
): Promise<MailboxRow> {
  const known = bench.byName.get(nameKey(account.id, normaliseMailboxName(name) ?? ''));
  if (known !== undefined) return known;
  const made = {
    ...(await createMailbox(bench.work, account, name, { specialUse: null, isSubscribed: true })),
  };
  lists.add(account.id);
  know(bench, made);
  return made;
}

async function write(
  bench: Bench,
  stored: readonly { readonly id: number; readonly of: MessageToFile; readonly holders: number }[],
): Promise<void> {
  const { connection } = bench.work;
  if (stored.length > 0) {
    await holdBodies(
      connection,
      stored.map(({ of }) => ({ prepared: of.body, holders: 1 })),
    );
    const parameters = createParameters();
    const table = tableOf(parameters, 'n', stored, [
      ['id', 'bigint', ({ id }) => id],
      ['prefix', 'text', ({ of }) => of.prefix.toString('base64')],
      ['size_bytes', 'bigint', ({ of }) => of.prefix.length + of.message.body.sizeBytes],
      ['header_bytes', 'bigint', ({ of }) => of.prefix.length + of.message.body.headerSizeBytes],
      ['structure', 'text', ({ of }) => structureOf(of.parsed)],
      ['body', 'text', ({ of }) => of.message.body.sha256],
      ['holders', 'bigint', ({ holders }) => holders],
      ['grams', 'text', ({ of }) => (of.grams === null ? null : `{${of.grams.join(',')}}`)],
    ]);
    await connection.run(
      `INSERT INTO postroad_store_messages (id, prefix, size_bytes, header_bytes, structure, body, holders, grams)
       SELECT n.id, decode(n.prefix, 'base64'), n.size_bytes, n.header_bytes, n.structure, n.body, n.holders,
         n.grams::int[] FROM ${table}`,
      parameters.values,
    );
  }
  await insertEntries(connection, bench.entries);
  await writeThreads(bench);
  if (bench.touched.size > 0) {
    await saveMailboxes(
      connection,
      [...bench.touched].sort((a, b) => a.id - b.id),
    );
    await saveAccounts(connection, [...bench.accounts.values()]);
  }
  for (const [id, spelling] of bench.spellings) {
    if (!spelling.isChanged) continue;
    await connection.run('UPDATE postroad_store_accounts SET keywords = $2 WHERE id = $1', [
      id,
      JSON.stringify(spelling.list()),
    ]);
  }
}

function structureOf({ envelope, structure }: ParsedMessage): string {
  return JSON.stringify({ envelope, structure });
}

/** The thread of the nearest known relative, or a new one. It never changes later. */
async function threadOf(bench: Bench, accountId: string, parsed: ParsedMessage): Promise<number> {
  const keys = threadKeys(parsed).map((key) => nameKey(accountId, key));
  const known = keys.map((key) => bench.threads.get(key)).find((thread) => thread !== undefined);
  const thread = known ?? ((await bench.work.ids.take(bench.work.connection, 1))[0] as number);
  for (const key of keys) {
    if (bench.threads.has(key)) continue;
    bench.threads.set(key, thread);
    bench.newThreads.set(key, { account: accountId, key: key.slice(accountId.length + 1), thread });
  }
  return thread;
}

async function knownThreads(work: Work, messages: readonly MessageToFile[]): Promise<Map<string, number>> {
  const asked = messages.flatMap((one) => {
    const keys = threadKeys(one.parsed);
    return one.filings.flatMap(({ accountId }) => keys.map((key) => ({ accountId, key })));
  });
  if (asked.length === 0) return new Map();
  const parameters = createParameters();
  const table = tableOf(parameters, 'k', asked, [
    ['account_id', 'text', (one) => one.accountId],
    ['key', 'text', (one) => one.key],
  ]);
  const rows = await work.connection.query<{ account_id: string; key: string; thread_id: number }>(
    `SELECT t.* FROM postroad_store_threads t JOIN ${table} USING (account_id, key)`,
    parameters.values,
  );
  return new Map(rows.map((row) => [nameKey(row.account_id, row.key), row.thread_id]));
}

async function writeThreads({ work, newThreads }: Bench): Promise<void> {
  if (newThreads.size === 0) return;
  const parameters = createParameters();
  const table = tableOf(
    parameters,
    'n',
    [...newThreads.values()],
    [
      ['account_id', 'text', (one) => one.account],
      ['key', 'text', (one) => one.key],
      ['thread_id', 'bigint', (one) => one.thread],
    ],
  );
  await work.connection.run(
    `INSERT INTO postroad_store_threads (account_id, key, thread_id) SELECT n.* FROM ${table} ON CONFLICT DO NOTHING`,
    parameters.values,
  );
}

/** Message-IDs may be long and hold anything: a digest stands for each. */
function threadKeys(parsed: ParsedMessage): readonly string[] {
  const { messageId, references } = threadReferences(parsed);
  const ids = messageId === undefined ? references : [messageId, ...references];
  return ids.map((id) => createHash('sha256').update(id).digest('base64url').slice(0, 22));
}

function know(bench: Bench, row: MailboxRow): void {
  bench.byId.set(row.id, row);
  bench.byName.set(nameKey(row.account_id, row.name), row);
}

function nameKey(accountId: string, name: string): string {
  return `${accountId}\n${name}`;
}
