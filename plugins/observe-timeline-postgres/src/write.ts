/** Writing rows, and letting the oldest go. */
import {
  type Column,
  createParameters,
  isLost,
  isRetryable,
  type Postgres,
  sqlState,
  tableOf,
} from '@postroad/postgres';
import { type KeyRow, rowsOf, type TimelineRow, type WaitingRecord } from './rows.js';
import { slots, tablesOf } from './schema.js';

const rowColumns: readonly Column<TimelineRow>[] = [
  ['message_id', 'text', ({ messageId }) => messageId],
  ['at_ms', 'bigint', ({ atMs }) => atMs],
  ['head', 'text', ({ head }) => head],
  ['entries', 'text', ({ entries }) => entries],
];
const keyColumns: readonly Column<KeyRow>[] = [
  ['key', 'text', ({ key }) => key],
  ['at_ms', 'bigint', ({ atMs }) => atMs],
  ['message_id', 'text', ({ messageId }) => messageId],
];

/** Writes records in one statement, into the current tables. */
export async function writeRecords(
  database: Postgres,
  node: string,
  records: readonly WaitingRecord[],
): Promise<void> {
  const { rows, keys } = rowsOf(records);
  const parameters = createParameters();
  const told = parameters.add(node, 'text');
  await database.run(
    `WITH current AS (SELECT slot FROM postroad_timeline_now),
     keyed AS (
       INSERT INTO postroad_timeline_keys (slot, key, at_ms, message_id)
       SELECT current.slot, k.key, k.at_ms, k.message_id
       FROM current, ${tableOf(parameters, 'k', keys, keyColumns)}
     )
     INSERT INTO postroad_timeline (slot, node, message_id, at_ms, head, entries)
     SELECT current.slot, ${told}, r.message_id, r.at_ms, r.head, r.entries
     FROM current, ${tableOf(parameters, 'r', rows, rowColumns)}`,
    parameters.values,
  );
}

/** Whether the same records may be written later: the server is away, full or busy, and nothing is wrong with them. */
export function isPassing(error: unknown): boolean {
  // Class 53 is insufficient resources: disk, memory, connections.
  return isLost(error) || isRetryable(error) || sqlState(error)?.startsWith('53') === true;
}

/** How much is kept. */
export interface Kept {
  readonly octetsMax: number;
  readonly keptMs: number;
}

/**
 * Goes on to the next tables when the current ones have their part of the octets or of the time, and empties those. One node
 * does it; the others find it done. After a long rest several parts of the time are over, and as many tables are emptied.
 */
export async function turn(database: Postgres, { octetsMax, keptMs }: Kept): Promise<void> {
  await database.transaction(async (connection) => {
    // Whoever reads or writes waits behind us while we wait for those who read the tables that go.
    await connection.run("SET LOCAL lock_timeout = '1s'");
    const [now] = await connection.query<{ slot: number; age_ms: number }>(
      `SELECT slot, (extract(epoch FROM now() - since) * 1000)::bigint AS age_ms
       FROM postroad_timeline_now FOR UPDATE SKIP LOCKED`,
    );
    if (now === undefined) return;
    const [size] = await connection.query<{ octets: number }>(
      'SELECT sum(pg_total_relation_size(name::regclass))::bigint AS octets FROM unnest($1::text[]) AS name',
      [tablesOf(now.slot)],
    );
    const byAge = Math.min(slots, Math.floor(now.age_ms / (keptMs / slots)));
    const steps = Math.max(byAge, (size?.octets ?? 0) >= octetsMax / slots ? 1 : 0);
    if (steps === 0) return;
    const emptied = Array.from({ length: steps }, (_, step) => (now.slot + 1 + step) % slots);
    await connection.run(`TRUNCATE ${emptied.flatMap(tablesOf).join(', ')}`);
    await connection.run('UPDATE postroad_timeline_now SET slot = $1, since = now()', [emptied.at(-1)]);
  });
}
