/** Finding the messages that a query means, and all that is known of them. Bounded in rows and octets. */
import type { MessageTrace, TraceEntry } from '@postroad/core';
import type { Postgres } from '@postroad/postgres';
import { type Head, keyOf } from './rows.js';

/** Rows that are looked at for each way in which a query may be meant. */
const keyRowsMax = 10_000;
/** Rows of one message that are shown: its first ones, and of the others the latest. */
const firstRows = 10;
const lastRows = 490;
const octetsMax = 33_554_432;

interface FoundRow {
  readonly message_id: string;
  readonly node: string;
  readonly head: string | null;
  readonly entries: string;
}

/** The traces, the newest first. */
export async function findTraces(
  database: Postgres,
  query: string,
  limit: number,
): Promise<readonly MessageTrace[]> {
  const wanted = keyOf(query);
  if (wanted === '') return [];
  const byKey = (place: string): string =>
    `(SELECT message_id, at_ms FROM postroad_timeline_keys WHERE key = ${place} ORDER BY at_ms DESC LIMIT ${keyRowsMax})`;
  const found = await database.query<{ message_id: string }>(
    `SELECT message_id FROM (
       (SELECT message_id, at_ms FROM postroad_timeline WHERE message_id = $1 ORDER BY at_ms DESC LIMIT 1)
       UNION ALL ${byKey('$1')} UNION ALL ${byKey('$2')}
     ) AS k GROUP BY message_id ORDER BY max(at_ms) DESC, message_id DESC LIMIT $3`,
    [wanted, `<${wanted}>`, limit],
  );
  const ids = found.map((row) => row.message_id);
  if (ids.length === 0) return [];
  const rows = await database.query<FoundRow>(
    `SELECT message_id, node, head, entries FROM (
       SELECT *, sum(octet_length(entries)) OVER (ORDER BY is_last, message_id) AS octets FROM (
         SELECT message_id, at_ms, node, head, entries,
           row_number() OVER (PARTITION BY message_id ORDER BY at_ms) AS is_first,
           row_number() OVER (PARTITION BY message_id ORDER BY at_ms DESC) AS is_last
         FROM postroad_timeline WHERE message_id = ANY ($1::text[])
       ) AS r WHERE is_first <= ${firstRows} OR is_last <= ${lastRows}
     ) AS b WHERE octets <= ${octetsMax} ORDER BY message_id, at_ms`,
    [ids],
  );
  const rowsById = new Map<string, FoundRow[]>(ids.map((id) => [id, []]));
  for (const row of rows) rowsById.get(row.message_id)?.push(row);
  return [...rowsById].map(([id, of]) => traceOf(id, of));
}

function traceOf(messageId: string, rows: readonly FoundRow[]): MessageTrace {
  const seen = new Set<string>();
  const entries: TraceEntry[] = [];
  let head: Head | undefined;
  for (const row of rows) {
    // A commit whose answer was lost is made again: what says the same of the same node and moment is one.
    const key = `${row.node}\n${row.entries}`;
    if (seen.has(key)) continue;
    seen.add(key);
    if (row.head !== null) head ??= JSON.parse(row.head) as Head;
    for (const entry of JSON.parse(row.entries) as readonly TraceEntry[])
      entries.push({ ...entry, node: row.node });
  }
  const kept = entries.sort((a, b) => a.atMs - b.atMs);
  return {
    messageId,
    ...(head?.messageIdField === undefined ? {} : { messageIdField: head.messageIdField }),
    reversePath: head?.reversePath ?? '',
    entries: kept,
  };
}
