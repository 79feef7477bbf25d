/**
 * Notices of changes, in this process at once, in the others by NOTIFY. Those of a moment are one statement; a gap, when
 * the connection was away, is told as a change of every mailbox that somebody watches.
 */
import { type ChangeNotice, ChangeNotices, type Changes } from '@postroad/core';
import { type Listening, listen, type Postgres, type PostgresServices } from '@postroad/postgres';
import { formatId } from './rows.js';

/** See the file's comment. */
export interface SharedNotices {
  watch: ChangeNotices['watch'];
  tell(notice: ChangeNotice): void;
  /** Resolves when the first connection listens. */
  readonly ready: Promise<void>;
  close(): Promise<void>;
}

const channel = 'postroad_store';
const delayMs = 10;
/** PostgreSQL takes payloads below 8,000 octets; longer account ids are told as an empty list: look at everything. */
const payloadMax = 7_000;

/** Notices over this database. `node` tells our own apart. */
export function createSharedNotices(
  database: Postgres,
  node: string,
  services: PostgresServices & { readonly changes: Changes | undefined },
  onError: (what: string, error: unknown) => void,
): SharedNotices {
  const local = new ChangeNotices((error) => onError('a watcher of mailboxes failed', error));
  if (services.changes !== undefined) return noticesBy(services.changes, local, database, onError);
  let waiting = new Map<string, ChangeNotice>();
  let isDue = false;
  const sending = new Set<Promise<void>>();

  async function send(): Promise<void> {
    const notices = [...waiting.values()];
    waiting = new Map();
    isDue = false;
    const payloads = notices
      .map((notice) => JSON.stringify([node, notice]))
      .filter((payload) => Buffer.byteLength(payload) <= payloadMax);
    if (payloads.length === 0) return;
    try {
      await database.query('SELECT pg_notify($1, p) FROM unnest($2::text[]) AS p', [channel, payloads]);
    } catch (error) {
      // Others find the change when they look: what is late is only the notice.
      onError('other nodes were not told of changes', error);
    }
  }

  const listening: Listening = listen(
    database,
    channel,
    {
      notice(payload) {
        const [from, notice] = JSON.parse(payload) as [string, ChangeNotice];
        if (from !== node) local.tell(notice);
      },
      gap: () => void tellAll(local, database, onError),
    },
    services,
  );
  return {
    watch: (accountId, listener) => local.watch(accountId, listener),
    ready: listening.ready,
    tell(notice) {
      local.tell(notice);
      waiting.set(JSON.stringify(notice), notice);
      if (isDue) return;
      isDue = true;
      services.clock.after(delayMs, () => {
        const sent = send().finally(() => sending.delete(sent));
        sending.add(sent);
      });
    },
    async close() {
      await listening.stop();
      await send();
      await Promise.all(sending);
    },
  };
}

/** Notices that something else carries. */
function noticesBy(
  changes: Changes,
  local: ChangeNotices,
  database: Postgres,
  onError: (what: string, error: unknown) => void,
): SharedNotices {
  const stop = changes.subscribe({
    notice: (notice) => local.tell(notice),
    gap: () => void tellAll(local, database, onError),
  });
  return {
    watch: (accountId, listener) => local.watch(accountId, listener),
    ready: Promise.resolve(),
    tell(notice) {
      local.tell(notice);
      changes.publish(notice);
    },
    async close() {
      stop();
    },
  };
}

/** Tells everything that is watched as changed. */
async function tellAll(
  local: ChangeNotices,
  database: Postgres,
  onError: (what: string, error: unknown) => void,
): Promise<void> {
  const accounts = [...local.accounts()];
  try {
    const rows = await database.query<{ id: number; account_id: string }>(
      'SELECT id, account_id FROM postroad_store_mailboxes WHERE account_id = ANY ($1::text[])',
      [accounts],
    );
    for (const accountId of accounts) local.tell({ accountId });
    for (const row of rows) local.tell({ accountId: row.account_id, mailboxId: formatId('F', row.id) });
  } catch (error) {
    onError('watchers were not told of a gap', error);
  }
}
