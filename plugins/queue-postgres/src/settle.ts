/**
 * Ending leases: one statement for all that comes at once. A message whose last recipient ends is told by a number in its
 * row, which two nodes that end its last two recipients change one after the other.
 */
import {
  changedRecipient,
  ignoredAdditions,
  type QueuedRecipient,
  type Settlement,
  settledRecipient,
} from '@postroad/core';
import { type Column, type Connection, createParameters, type Postgres, tableOf } from '@postroad/postgres';
import { type PreparedMessage, putParts } from './put.js';
import { isNamedBy, orderedOf, type RecipientRow, recipientColumns, recipientOf } from './rows.js';

const other = (one: Settlement) => (one.to === 'done' ? undefined : one);

const columns: readonly Column<Settlement>[] = [
  ['message_id', 'text', (one) => one.messageId],
  ['idx', 'int', (one) => one.index],
  ['token', 'text', (one) => one.leaseToken ?? null],
  ['target', 'text', (one) => one.to],
  ['due_ms', 'bigint', (one) => other(one)?.dueAtMs ?? null],
  ['site', 'text', (one) => other(one)?.site ?? null],
  ['is_untried', 'int', (one) => (other(one)?.isUntried === true ? 1 : 0)],
  ['is_delay_told', 'boolean', (one) => other(one)?.isDelayTold ?? null],
  ['last_reply', 'text', (one) => jsonOrNull(other(one)?.lastReply)],
  ['last_remote', 'text', (one) => other(one)?.lastRemote ?? null],
  ['hold_reason', 'text', (one) => other(one)?.holdReason ?? null],
];

/** Settles, and puts messages in with the same commit: those of which only ignored settlements tell are left out. */
export async function settle(
  database: Postgres,
  owner: string,
  settlements: readonly Settlement[],
  additions: readonly PreparedMessage[],
): Promise<void> {
  if (additions.length === 0 || settlements.every((one) => one.tells === undefined)) {
    const left = await settleRows(database, owner, settlements, additions);
    if (left.length > 0) await database.transaction((connection) => settleOrdered(connection, owner, left));
    return;
  }
  await database.transaction(async (connection) => {
    const ignored = await lockedAdditions(connection, owner, settlements);
    const wanted = additions.filter((one) => !ignored.has(one.message.id));
    const left = await settleRows(connection, owner, settlements, wanted);
    if (left.length > 0) await settleOrdered(connection, owner, left);
  });
}

/** Ids of the additions to leave out. What is held stays held until the end of the transaction. */
async function lockedAdditions(
  connection: Connection,
  owner: string,
  settlements: readonly Settlement[],
): Promise<ReadonlySet<string>> {
  const telling = settlements.filter((one) => one.tells !== undefined);
  const parameters = createParameters();
  const rows = await connection.query<{ message_id: string; idx: number }>(
    `WITH s AS MATERIALIZED (SELECT * FROM ${tableOf(parameters, 's', telling, columns)})
     SELECT r.message_id, r.idx FROM postroad_queue_recipients r JOIN s ON ${isNamedBy('s', 's')}
     WHERE r.state = 'leased' AND r.owner = ${parameters.add(owner, 'text')}
       AND (s.token IS NULL OR r.token = s.token)
     ORDER BY r.message_id, r.idx FOR UPDATE OF r`,
    parameters.values,
  );
  const held = new Set(rows.map((row) => `${row.message_id}/${row.idx}`));
  return ignoredAdditions(telling, (one) => held.has(`${one.messageId}/${one.index}`));
}

/** Resolves with the settlements that it did not carry out. */
async function settleRows(
  connection: Connection,
  owner: string,
  settlements: readonly Settlement[],
  additions: readonly PreparedMessage[],
): Promise<readonly Settlement[]> {
  const parameters = createParameters();
  const holds = `${isNamedBy('s', 's')} AND r.state = 'leased'
    AND r.owner = ${parameters.add(owner, 'text')} AND (s.token IS NULL OR r.token = s.token) AND r.ordered IS NULL`;
  const text = `WITH s AS MATERIALIZED (SELECT * FROM ${tableOf(parameters, 's', settlements, columns)}),
    gone AS (
      DELETE FROM postroad_queue_recipients r USING s
      WHERE s.target NOT IN ('ready', 'waiting', 'held') AND ${holds} RETURNING r.message_id, r.idx
    ), moved AS (
      UPDATE postroad_queue_recipients r SET state = s.target, due_ms = s.due_ms, owner = NULL, token = NULL,
        lease_ends_ms = NULL, attempts = r.attempts - s.is_untried, unsettled = 0, site = coalesce(s.site, r.site),
        is_delay_told = coalesce(s.is_delay_told, r.is_delay_told),
        last_reply = coalesce(s.last_reply, r.last_reply), last_remote = coalesce(s.last_remote, r.last_remote),
        hold_reason = CASE WHEN s.target = 'held' THEN coalesce(s.hold_reason, 'held') END
      FROM s WHERE s.target <> 'done' AND ${holds} RETURNING r.message_id, r.idx
    ), ended AS (SELECT message_id, count(*) AS number FROM gone GROUP BY message_id
    ), single AS (
      DELETE FROM postroad_queue_messages WHERE id = ANY (ARRAY(SELECT message_id FROM ended)) AND recipients = 1
      RETURNING id
    ), chunks AS (
      DELETE FROM postroad_queue_chunks WHERE message_id = ANY (ARRAY(SELECT id FROM single))
    ), several AS (
      UPDATE postroad_queue_messages m SET remaining = m.remaining - ended.number FROM ended
      WHERE m.id = ANY (ARRAY(SELECT message_id FROM ended)) AND m.id || '' = ended.message_id AND m.recipients > 1
      RETURNING m.id, m.remaining
    )${additions.length === 0 ? '' : `, ${putParts(parameters, additions)}`}
    SELECT message_id, idx, NULL AS over FROM gone UNION ALL SELECT message_id, idx, NULL FROM moved
    UNION ALL SELECT id, -1, id FROM several WHERE remaining <= 0`;
  const rows = await connection.query<{ message_id: string; idx: number; over: string | null }>(
    text,
    parameters.values,
  );
  const over = rows.flatMap((row) => (row.over === null ? [] : [row.over]));
  if (over.length > 0) await removeOver(connection, over);
  if (rows.length - over.length >= settlements.length) return [];
  const ended = new Set(rows.map((row) => `${row.message_id}/${row.idx}`));
  return settlements.filter((one) => !ended.has(`${one.messageId}/${one.index}`));
}

/** Those of which an operator wants something when their try has ended; they are few. */
async function settleOrdered(
  connection: Connection,
  owner: string,
  settlements: readonly Settlement[],
): Promise<void> {
  const parameters = createParameters();
  const rows = await connection.query<RecipientRow>(
    `WITH s AS MATERIALIZED (SELECT * FROM ${tableOf(parameters, 's', settlements, columns)})
     SELECT ${recipientColumns('r')} FROM postroad_queue_recipients r JOIN s ON ${isNamedBy('s', 's')}
     WHERE r.state = 'leased' AND r.owner = ${parameters.add(owner, 'text')}
       AND (s.token IS NULL OR r.token = s.token) AND r.ordered IS NOT NULL
     ORDER BY r.message_id, r.idx FOR UPDATE OF r`,
    parameters.values,
  );
  const byKey = new Map(settlements.map((one) => [`${one.messageId}/${one.index}`, one]));
  for (const row of rows) {
    const settlement = byKey.get(`${row.message_id}/${row.idx}`);
    if (settlement !== undefined)
      await endLease(connection, row, settledRecipient(recipientOf(row), settlement));
  }
}

/** Ends one lease: the recipient becomes `next`, changed by what an operator wants of it, or is removed. */
export async function endLease(
  connection: Connection,
  row: RecipientRow,
  next: QueuedRecipient | undefined,
): Promise<void> {
  const ordered = orderedOf(row);
  const wanted = next === undefined || ordered === undefined ? next : changedRecipient(next, ordered);
  if (wanted === undefined) {
    await removeRecipients(connection, [[row.message_id, row.idx]]);
    return;
  }
  await connection.run(
    `UPDATE postroad_queue_recipients SET state = $3, due_ms = $4, site = $5, owner = NULL, token = NULL,
       lease_ends_ms = NULL, attempts = $6, unsettled = $7, last_reply = $8, last_remote = $9, hold_reason = $10,
       bounce_reason = $11, is_delay_told = $12, redirect = $13, ordered = NULL
     WHERE message_id = $1 AND idx = $2 AND state = 'leased'`,
    [
      wanted.messageId,
      wanted.index,
      wanted.state,
      wanted.dueAtMs,
      wanted.site,
      wanted.attempts,
      wanted.unsettledAttempts,
      jsonOrNull(wanted.lastReply),
      wanted.lastRemote ?? null,
      wanted.holdReason ?? null,
      wanted.bounceReason ?? null,
      wanted.isDelayTold,
      jsonOrNull(wanted.redirect),
    ],
  );
}

/** Removes recipients, and their messages with their last ones; in a transaction. */
export async function removeRecipients(
  connection: Connection,
  keys: readonly (readonly [messageId: string, index: number])[],
): Promise<void> {
  await connection.run(
    `WITH gone AS (
       DELETE FROM postroad_queue_recipients r USING unnest($1::text[], $2::int[]) AS k(message_id, idx)
       WHERE r.message_id = k.message_id AND r.idx = k.idx RETURNING r.message_id
     ), ended AS (SELECT message_id, count(*) AS number FROM gone GROUP BY message_id)
     UPDATE postroad_queue_messages m SET remaining = m.remaining - ended.number FROM ended WHERE m.id = ended.message_id`,
    [keys.map(([id]) => id), keys.map(([, index]) => index)],
  );
  await removeOver(connection, [...new Set(keys.map(([id]) => id))]);
}

/** Messages without recipients are gone for everybody already; this frees their room. */
export async function removeOver(connection: Connection, ids: readonly string[]): Promise<void> {
  await connection.run(
    `WITH gone AS (
       DELETE FROM postroad_queue_messages WHERE id = ANY ($1::text[]) AND remaining <= 0 RETURNING id
     ) DELETE FROM postroad_queue_chunks c USING gone WHERE c.message_id = gone.id`,
    [ids],
  );
}

function jsonOrNull(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value);
}
