/** Mailboxes in PostgreSQL, for as many nodes as like. */
import {
  annotationNotices,
  type Bodies,
  type Changes,
  type Clock,
  foldedTexts,
  isMailError,
  type Logger,
  type MailboxStore,
  MailError,
  messageOf,
  type NewMessage,
  normaliseMailboxName,
  parseStructure,
  prefixedBody,
  requireMailboxName,
} from '@postroad/core';
import { createGroupCommit, isLost, type Postgres } from '@postroad/postgres';
import type { Work } from './accounts.js';
import { annotate, annotationsOf } from './annotations.js';
import { BodyMissing, prepareBody } from './bodies.js';
import { type FiledMessage, fileAll, type MessageToFile } from './filing.js';
import { createIds } from './ids.js';
import { mailboxOperations } from './mailbox-operations.js';
import { messageOperations } from './message-operations.js';
import { createSharedNotices, type SharedNotices } from './notices.js';
import { changes, createEntryLists, entriesIn, mailboxById, messages, openMessage } from './reads.js';
import { type MailboxRow, mailboxOf } from './rows.js';
import { textCandidates } from './search.js';
import { shareOperations } from './shares.js';
import { gramsOfTexts } from './text-grams.js';

/** How to open it. The store closes the database. */
export interface PostgresStoreOptions {
  readonly database: Postgres;
  readonly clock: Clock;
  readonly log: Logger;
  /** What keeps large bodies at the moment; without it they are in the database. */
  readonly bodies?: () => Bodies | undefined;
  /** Unique to this process run. */
  readonly node: string;
  readonly hasTextIndex: boolean;
  /** How other nodes hear of changes; without it by NOTIFY. */
  readonly changes?: Changes;
  /** How many removed UIDs a mailbox remembers at least. */
  readonly vanishedMax: number;
  /** Mailboxes whose lists of messages are kept in memory. */
  readonly cachedMailboxesMax: number;
}

/** What the operations share. */
export interface Engine extends PostgresStoreOptions {
  readonly notices: SharedNotices;
  /** Runs a change in a transaction; its errors become `E_MAILBOX_STORE`. */
  run<T>(change: (work: Work) => Promise<T>): Promise<T>;
  /** A name that nobody else gives. */
  uniqueName(): string;
}

/** Opens the store; its tables must be there. */
export function openPostgresStore(options: PostgresStoreOptions): MailboxStore {
  const { database, clock, log, node } = options;
  const onError = (what: string, error: unknown): void => log.error(what, { error: messageOf(error) });
  const notices = createSharedNotices(database, node, { clock, log, changes: options.changes }, onError);
  const ids = createIds();
  let names = 0;
  const engine: Engine = {
    ...options,
    notices,
    run: (change) =>
      guarded(() => database.transaction((connection) => change({ connection, ids, nowMs: clock.now() }))),
    uniqueName: () => `${node}-${++names}`,
  };
  const lists = createEntryLists(database, { mailboxesMax: options.cachedMailboxesMax, clock });
  return {
    ...mailboxOperations(engine),
    ...messageOperations(engine),
    ...shareOperations(engine),
    file: createFiler(engine),
    mailboxByName: async (accountId, name) => {
      const normal = normaliseMailboxName(name);
      if (normal === undefined) return undefined;
      const found = await guarded(() => rowByName(engine, accountId, normal));
      return found === undefined ? undefined : mailboxOf(found);
    },
    mailbox: (mailboxId) => guarded(() => mailboxById(database, mailboxId)),
    entries: (mailboxId, range) => guarded(() => entriesIn(lists, mailboxId, range)),
    changes: (mailboxId, modSeq) => guarded(() => changes(database, mailboxId, modSeq)),
    messages: (messageIds) => guarded(() => messages(database, messageIds)),
    open: (messageId) => guarded(() => openMessage(options, messageId)),
    textCandidates: async (mailboxId, foldedText) =>
      options.hasTextIndex ? await guarded(() => textCandidates(database, mailboxId, foldedText)) : undefined,
    annotations: (place) => guarded(() => annotationsOf(database, place)),
    async annotate(place, values) {
      const accountId = await engine.run((work) => annotate(work, place, values));
      for (const notice of annotationNotices(place, accountId, values.keys())) notices.tell(notice);
    },
    watch: (accountId, listener) => notices.watch(accountId, listener),
    async close() {
      await notices.close();
      await database.close();
    },
  };
}

/** The mailbox of a normal name; the account is made on first use. */
async function rowByName(engine: Engine, accountId: string, name: string): Promise<MailboxRow | undefined> {
  const select = () =>
    engine.database.query<MailboxRow>(
      'SELECT * FROM postroad_store_mailboxes WHERE account_id = $1 AND name = $2',
      [accountId, name],
    );
  const [row] = await select();
  if (row !== undefined || !(await isMadeNow(engine, accountId))) return row;
  return (await select())[0];
}

/** Makes an account that is not there; says whether it did. */
async function isMadeNow(engine: Engine, accountId: string): Promise<boolean> {
  const known = await engine.database.query('SELECT 1 FROM postroad_store_accounts WHERE id = $1', [
    accountId,
  ]);
  if (known.length > 0) return false;
  await mailboxOperations(engine).mailboxes(accountId);
  return true;
}

/** Files messages; those that come at once share a transaction. */
function createFiler(engine: Engine): MailboxStore['file'] {
  interface Waiting extends MessageToFile {
    result: FiledMessage | undefined;
  }
  const commit = createGroupCommit<Waiting>(
    { commitsMax: 2, itemsMax: 128, bytesMax: 8 * 1_048_576 },
    async (items) => {
      const results = await engine.run((work) => fileAll(work, items));
      for (const [at, item] of items.entries()) item.result = results[at];
      tell(engine, results);
    },
    (error) => isMailError(error, 'E_MAILBOX_STORE') && isLost(error.cause),
  );

  async function fileOnce(one: Omit<MessageToFile, 'body'>, isNeeded: boolean): Promise<FiledMessage> {
    const body = await guarded(() =>
      prepareBody(engine, one.message.body, () => engine.uniqueName(), { isNeeded }),
    );
    const waiting: Waiting = { ...one, body, result: undefined };
    await commit(waiting, one.message.body.inline?.length ?? 0);
    return waiting.result as unknown as FiledMessage;
  }

  return async (message, filings) => {
    for (const { mailbox } of filings) if ('name' in mailbox) requireMailboxName(mailbox.name);
    if (filings.length === 0) return [];
    const parsed = await parseStructure(message.prefix, message.body);
    const grams = engine.hasTextIndex ? await gramsOf(message, parsed) : null;
    const one = { message, parsed, filings, grams, prefix: Buffer.from(message.prefix) };
    try {
      return (await fileOnce(one, false)).filed;
    } catch (error) {
      if (!isMailError(error) || !(error.cause instanceof BodyMissing)) throw error;
      return (await fileOnce(one, true)).filed;
    }
  };
}

async function gramsOf(
  message: NewMessage,
  parsed: Parameters<typeof foldedTexts>[0],
): Promise<readonly number[] | null> {
  // What is kept is prefix and body; offsets of the structure count from the prefix.
  const prefix = Buffer.from(message.prefix);
  const whole = prefix.length === 0 ? message.body : prefixedBody(prefix, message.body);
  return await gramsOfTexts(foldedTexts(parsed, whole));
}

function tell(engine: Engine, results: readonly FiledMessage[]): void {
  const told = new Map<string, string>();
  for (const { lists, accounts } of results) {
    for (const accountId of lists) engine.notices.tell({ accountId });
    for (const [mailboxId, accountId] of accounts) told.set(mailboxId, accountId);
  }
  for (const [mailboxId, accountId] of told) engine.notices.tell({ accountId, mailboxId });
}

/** Whatever the database says becomes `E_MAILBOX_STORE`. */
export async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (isMailError(cause)) throw cause;
    throw new MailError('E_MAILBOX_STORE', `the mailboxes' database: ${messageOf(cause)}`, { cause });
  }
}
