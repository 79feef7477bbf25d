/** The queue in PostgreSQL, shared by as many nodes as like. */
import {
  type Bodies,
  type Clock,
  isMailError,
  type Lease,
  type Logger,
  MailError,
  type NewQueuedMessage,
  type QueuedRecipient,
  type QueueStore,
  type Settlement,
  messageOf as textOf,
} from '@postroad/core';
import {
  createGroupCommit,
  isDuplicate,
  isLost,
  type Listening,
  listen,
  type Postgres,
} from '@postroad/postgres';
import { writeChunks } from './chunked-bodies.js';
import { createLeaser } from './lease.js';
import { change, count, range } from './list.js';
import { createNodes, giveBackLapsed, type Nodes } from './nodes.js';
import { writeOutside } from './outside-bodies.js';
import { type PreparedMessage, prepareMessage, putStatement } from './put.js';
import { createMessageReader } from './read-messages.js';
import { settle } from './settle.js';
import { createSettlements, type Settlements } from './settlements.js';
import { removeLeftovers } from './sweep.js';

/** How to open it. The store closes the database. */
export interface PostgresQueueOptions {
  readonly database: Postgres;
  readonly clock: Clock;
  readonly log: Logger;
  /** A name that no other running node has. */
  readonly node: string;
  readonly nodeTimeoutMs: number;
  /** Commits of new messages on their way at once. */
  readonly commitsMax?: number;
  /** What keeps bodies outside of the database at the moment. */
  readonly bodies?: () => Bodies | undefined;
  /** Whether large bodies are to be kept there. */
  readonly isOutside?: boolean;
}

const channel = 'postroad_queue';
const noticeDelayMs = 20;
const lapseCheckMs = 1_000;

/** What writing works with. */
interface Parts extends PostgresQueueOptions {
  readonly nodes: Nodes;
  readonly settlements: Settlements;
  readonly writeGroup: (item: PreparedMessage, sizeBytes: number) => Promise<void>;
  tellOthers(): void;
}

/** Opens the queue; its tables must be there. */
export function openPostgresQueueStore(options: PostgresQueueOptions): QueueStore {
  const { database, clock, log } = options;
  const listeners = new Set<() => void>();
  const tell = (): void => {
    for (const listener of listeners) listener();
  };
  const nodes = createNodes({ ...options, name: options.node, recovered: tell });
  const leaser = createLeaser(database);
  const settlements = createSettlements((owner, all, additions) => settle(database, owner, all, additions));
  const writeGroup = createGroupCommit<PreparedMessage>(
    { clock, commitsMax: options.commitsMax ?? 4, itemsMax: 256, bytesMax: 8 * 1_048_576 },
    (items) => commit(database, items),
    (error) => !isDuplicate(error) && isLost(error),
  );
  let listening: Listening | undefined;
  let nextLapseMs = 0;

  const tellOthers = createNoticer(options);
  const parts: Parts = { ...options, nodes, settlements, writeGroup, tellOthers };

  return {
    start: (owner, nowMs) =>
      guarded(async () => {
        const recovered = await nodes.join(owner, nowMs);
        await removeLeftovers(database);
        listening ??= listen(
          database,
          channel,
          { notice: (node) => node !== options.node && tell(), gap: tell },
          { clock, log },
        );
        return { recovered, quarantined: [] };
      }),
    put: (message, lease) => guarded(() => put(parts, message, lease)),
    lease: (request) =>
      guarded(async () => {
        if (request.nowMs >= nextLapseMs) {
          nextLapseMs = request.nowMs + lapseCheckMs;
          await giveBackLapsed(database, request.nowMs + nodes.skewMs, request.nowMs);
        }
        return await leaser.lease(request, request.lease.untilMs + nodes.skewMs);
      }),
    settle: (owner, all, additions = []) => guarded(() => settleAll(parts, owner, all, additions)),
    ...readsOf(options),
    nextDueAtMs: (exceptSites) => guarded(() => leaser.nextDueAtMs(exceptSites)),
    change: (filter, wanted) =>
      guarded(async () => {
        const changed = await change(database, filter, wanted);
        if (changed > 0) tellOthers();
        return changed;
      }),
    remember: (name, fact) => guarded(() => remember(database, name, fact)),
    exchange: (name, was, fact) => guarded(() => exchange(database, name, was, fact)),
    isShared: true,
    isHeld: (recipients) => nodes.isHeld(recipients),
    sharers: () => nodes.count,
    onWork(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async close() {
      await listening?.stop();
      await nodes.leave();
      await database.close();
    },
  };
}

async function put(
  parts: Parts,
  message: NewQueuedMessage,
  lease: Lease | undefined,
): Promise<readonly QueuedRecipient[]> {
  const { nodes, writeGroup, tellOthers } = parts;
  // What a node leases that the others do not count among them is taken from it at once.
  const isSure = lease === undefined || nodes.isMember || lease.owner !== nodes.owner;
  if (message.recipients.length === 0) return [];
  const blob = await keepBody(parts, message);
  const prepared = prepareMessage(message, isSure ? lease : undefined, nodes.skewMs, blob);
  await writeGroup(prepared, message.body.inline?.length ?? 0);
  if (prepared.recipients.some((one) => one.state === 'ready')) tellOthers();
  return prepared.recipients;
}

async function settleAll(
  parts: Parts,
  owner: string,
  all: readonly Settlement[],
  additions: readonly NewQueuedMessage[],
): Promise<void> {
  const { nodes, settlements } = parts;
  const prepared: PreparedMessage[] = [];
  for (const addition of additions) {
    const blob = await keepBody(parts, addition);
    prepared.push(prepareMessage(addition, undefined, nodes.skewMs, blob));
  }
  await settlements.settle(owner, all, prepared);
}

/** Writes a large body before its message; resolves with its name when it is outside of the database. */
async function keepBody(
  { database, clock, bodies, isOutside }: Parts,
  message: NewQueuedMessage,
): Promise<string | undefined> {
  if (message.body.inline !== undefined) return undefined;
  const outside = isOutside === true ? bodies?.() : undefined;
  if (outside !== undefined) return await writeOutside(database, outside, message, clock.now());
  await writeChunks(database, message.id, message.body);
  return undefined;
}

/** Tells others of work that this node does not hold itself; several times in a row are one notice. */
function createNoticer({ database, clock, log, node }: PostgresQueueOptions): () => void {
  let isDue = false;
  return () => {
    if (isDue) return;
    isDue = true;
    clock.after(noticeDelayMs, () => {
      isDue = false;
      database.query('SELECT pg_notify($1, $2)', [channel, node]).catch((error: unknown) => {
        log.debug('other nodes were not told of work', { error });
      });
    });
  };
}

/** What only reads. */
function readsOf({
  database,
  bodies = () => undefined,
}: PostgresQueueOptions): Pick<QueueStore, 'message' | 'range' | 'count' | 'recall'> {
  const read = createMessageReader(database, bodies);
  return {
    message: (id) => guarded(() => read(id)),
    range: (filter, page) => guarded(() => range(database, filter, page)),
    count: (filter = {}) => guarded(() => count(database, filter)),
    recall: (name) => guarded(() => recall(database, name)),
  };
}

/** Writes messages. When nobody knows whether it was done, it is asked of the database before anybody hears of it. */
async function commit(database: Postgres, items: readonly PreparedMessage[]): Promise<void> {
  const { text, values } = putStatement(items);
  try {
    await database.repeat(text, values);
  } catch (error) {
    if (!isLost(error)) throw error;
    await commitAgain(database, items, error);
  }
}

/**
 * The answer was lost. Writing again waits for the first transaction, if it still goes on, and then either succeeds or
 * meets the rows of the first; these are ours, because an id is made once.
 */
async function commitAgain(
  database: Postgres,
  items: readonly PreparedMessage[],
  cause: unknown,
): Promise<void> {
  const { text, values } = putStatement(items);
  try {
    await database.query(text, values);
  } catch (error) {
    if (!isDuplicate(error)) throw cause;
    const rows = await database.query<{ id: string }>(
      'SELECT id FROM postroad_queue_messages WHERE id = ANY ($1::text[])',
      [items.map((one) => one.message.id)],
    );
    if (rows.length < items.length) throw cause;
  }
}

async function remember(database: Postgres, name: string, fact: string | undefined): Promise<void> {
  if (fact === undefined) await database.run('DELETE FROM postroad_queue_facts WHERE name = $1', [name]);
  else {
    await database.run(
      `INSERT INTO postroad_queue_facts (name, fact) VALUES ($1, $2)
       ON CONFLICT (name) DO UPDATE SET fact = EXCLUDED.fact`,
      [name, fact],
    );
  }
}

/** One statement each: of two who change it at once the second finds it changed. */
async function exchange(
  database: Postgres,
  name: string,
  was: string | undefined,
  fact: string | undefined,
): Promise<boolean> {
  if (was === undefined && fact === undefined) return (await recall(database, name)) === undefined;
  const [statement, values] =
    was === undefined
      ? [
          'INSERT INTO postroad_queue_facts (name, fact) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING',
          [fact],
        ]
      : fact === undefined
        ? ['DELETE FROM postroad_queue_facts WHERE name = $1 AND fact = $2', [was]]
        : ['UPDATE postroad_queue_facts SET fact = $2 WHERE name = $1 AND fact = $3', [fact, was]];
  const changed = await database.query<{ name: string }>(`${statement} RETURNING name`, [name, ...values]);
  return changed.length === 1;
}

async function recall(database: Postgres, name: string): Promise<string | undefined> {
  const [row] = await database.query<{ fact: string }>(
    'SELECT fact FROM postroad_queue_facts WHERE name = $1',
    [name],
  );
  return row?.fact;
}

/** Whatever the database, or what keeps bodies, says becomes `E_QUEUE_STORE`. */
async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (isMailError(cause) && cause.code !== 'E_BODIES') throw cause;
    throw new MailError('E_QUEUE_STORE', `the queue's database: ${textOf(cause)}`, { cause });
  }
}
