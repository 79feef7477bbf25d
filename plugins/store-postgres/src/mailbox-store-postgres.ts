/** Mailboxes in PostgreSQL, for as many nodes as like. */
import { annotationNotices, type MailboxStore, messageOf, normaliseMailboxName } from '@postroad/core';
import { annotate, annotationsOf } from './annotations.js';
import { type Engine, guarded, type PostgresStoreOptions } from './engine.js';
import { createFiler, fileTogether } from './filer.js';
import { createIds } from './ids.js';
import { mailboxOperations } from './mailbox-operations.js';
import { messageOperations } from './message-operations.js';
import { createSharedNotices } from './notices.js';
import { changes, createEntryLists, entriesIn, mailboxById, messages, openMessage } from './reads.js';
import { firstRecent } from './recent.js';
import { type MailboxRow, mailboxOf } from './rows.js';
import { textCandidates } from './search.js';
import { shareOperations } from './shares.js';
import { subscriptionOperations } from './subscriptions.js';

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
    ...subscriptionOperations(engine),
    file: createFiler(engine),
    fileAll: (place, given) => fileTogether(engine, place, given),
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
    firstRecent: (mailboxId, claimUpTo) => guarded(() => firstRecent(database, mailboxId, claimUpTo)),
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
