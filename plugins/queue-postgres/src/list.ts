/** Lists, counts and what operators change. Pages go by message id and index, so that they can go on while mail moves. */
import {
  matchesFilter,
  type QueueChange,
  type QueueCounts,
  type QueueFilter,
  type QueuePage,
  type RecipientState,
} from '@postroad/core';
import { type Connection, createParameters, type Parameters, type Postgres } from '@postroad/postgres';
import { messageFacts, type RecipientRow, recipientColumns, recipientOf } from './rows.js';
import { removeRecipients } from './settle.js';

/** Recipients that one transaction changes; more are changed by further ones. */
const changesMax = 2_000;

/** A page of recipients. */
export async function range(
  database: Postgres,
  filter: QueueFilter,
  { after, limit }: { readonly after?: string; readonly limit: number },
): Promise<QueuePage> {
  const { rows } = await find(database, filter, after, limit + 1, '');
  const recipients = rows.slice(0, limit).map(recipientOf);
  if (rows.length <= limit) return { recipients };
  return { recipients, next: cursorOf(rows[limit - 1] as RecipientRow) };
}

/** How many recipients match. */
export async function count(database: Postgres, filter: QueueFilter): Promise<QueueCounts> {
  if (hasMore(filter)) return await countFound(database, filter);
  const parameters = createParameters();
  const rows = await database.query<{ state: RecipientState; number: number }>(
    `SELECT state, count(*)::int AS number FROM postroad_queue_recipients r
     WHERE ${conditions(parameters, filter)} GROUP BY state`,
    parameters.values,
  );
  const byState: Record<RecipientState, number> = { ready: 0, waiting: 0, leased: 0, held: 0 };
  for (const row of rows) byState[row.state] += row.number;
  const ofMessages = createParameters();
  const isAll = Object.values(filter).every((value) => value === undefined);
  const [messages] = await database.query<{ number: number }>(
    isAll
      ? 'SELECT count(*)::int AS number FROM postroad_queue_messages WHERE remaining > 0'
      : `SELECT count(DISTINCT message_id)::int AS number FROM postroad_queue_recipients r
         WHERE ${conditions(ofMessages, filter)}`,
    ofMessages.values,
  );
  return { messages: messages?.number ?? 0, recipients: sumOf(byState), byState };
}

/** Counts what only a look at each tells. */
async function countFound(database: Postgres, filter: QueueFilter): Promise<QueueCounts> {
  const byState: Record<RecipientState, number> = { ready: 0, waiting: 0, leased: 0, held: 0 };
  let messages = 0;
  let last: string | undefined;
  let after: string | undefined;
  do {
    const { rows, next } = await find(database, filter, after, changesMax, '');
    for (const row of rows) {
      byState[row.state]++;
      // Rows come by message.
      if (row.message_id !== last) messages++;
      last = row.message_id;
    }
    after = next;
  } while (after !== undefined);
  return { messages, recipients: sumOf(byState), byState };
}

/** Applies an operator's change, page by page; resolves with how many recipients were changed. */
export async function change(database: Postgres, filter: QueueFilter, wanted: QueueChange): Promise<number> {
  let changed = 0;
  let after: string | undefined;
  do {
    const step = await database.transaction(async (connection) => {
      const { rows, next } = await find(connection, filter, after, changesMax, 'FOR UPDATE OF r');
      return { changed: await changeRows(connection, rows, wanted), next };
    });
    changed += step.changed;
    after = step.next;
  } while (after !== undefined);
  return changed;
}

async function changeRows(
  connection: Connection,
  rows: readonly RecipientRow[],
  wanted: QueueChange,
): Promise<number> {
  const leased = rows.filter((row) => row.state === 'leased');
  const parked = rows.filter((row) => row.state !== 'leased' && isTouched(row, wanted));
  const keysOf = (of: readonly RecipientRow[]): [string[], number[]] => [
    of.map((row) => row.message_id),
    of.map((row) => row.idx),
  ];
  const isOne = 'FROM unnest($1::text[], $2::int[]) AS k(id, at) WHERE r.message_id = k.id AND r.idx = k.at';
  if (leased.length > 0) {
    // Their tries go on; the change is applied when they have ended, also after a crash.
    await connection.run(
      `UPDATE postroad_queue_recipients r SET ordered = $3 ${isOne} AND r.state = 'leased'`,
      [...keysOf(leased), JSON.stringify(wanted)],
    );
  }
  if (parked.length > 0) {
    if (wanted.action === 'delete') {
      await removeRecipients(
        connection,
        parked.map((row) => [row.message_id, row.idx]),
      );
    } else {
      const { set, values } = assignments(wanted);
      await connection.run(`UPDATE postroad_queue_recipients r SET ${set} ${isOne} AND r.state <> 'leased'`, [
        ...keysOf(parked),
        ...values,
      ]);
    }
  }
  return leased.length + parked.length;
}

/** What `changedRecipient` of the core does, as SQL. */
function assignments(wanted: Exclude<QueueChange, { action: 'delete' }>): {
  readonly set: string;
  readonly values: readonly unknown[];
} {
  switch (wanted.action) {
    case 'retry':
    case 'release':
      return { set: "state = 'ready', due_ms = $3, hold_reason = NULL", values: [wanted.nowMs] };
    case 'hold':
      return { set: "state = 'held', due_ms = 0, hold_reason = $3", values: [wanted.reason] };
    case 'redirect':
      // Held ones stay held: they go the new way when they are released.
      return {
        set: `redirect = $4, due_ms = CASE WHEN state = 'held' THEN due_ms ELSE $3 END,
          site = CASE WHEN state = 'held' THEN site ELSE 'new' END,
          state = CASE WHEN state = 'held' THEN 'held' ELSE 'ready' END`,
        values: [wanted.nowMs, wanted.route === undefined ? null : JSON.stringify(wanted.route)],
      };
    case 'bounce':
      return {
        set: "state = 'ready', due_ms = $3, hold_reason = NULL, bounce_reason = $4",
        values: [wanted.nowMs, wanted.reason],
      };
  }
}

function isTouched(row: RecipientRow, wanted: QueueChange): boolean {
  if (wanted.action === 'retry') return row.state !== 'held';
  return wanted.action !== 'release' || row.state === 'held';
}

/** Rows that match, and where to go on; there is nothing more without it. */
async function find(
  connection: Connection,
  filter: QueueFilter,
  after: string | undefined,
  limit: number,
  lock: string,
): Promise<{ readonly rows: readonly RecipientRow[]; readonly next: string | undefined }> {
  const rows: RecipientRow[] = [];
  const isLookedAt = hasMore(filter);
  const rawMax = isLookedAt ? Math.max(limit, changesMax) : limit;
  let next = after;
  while (rows.length < limit) {
    const raw = await page(connection, filter, next, rawMax, lock);
    for (const row of raw) {
      next = cursorOf(row);
      if (!isLookedAt || isMatch(filter, row)) rows.push(row);
      if (rows.length === limit) return { rows, next };
    }
    if (raw.length < rawMax) return { rows, next: undefined };
  }
  return { rows, next };
}

interface LookedAtRow extends RecipientRow {
  readonly facts?: string;
}

function isMatch(filter: QueueFilter, row: LookedAtRow): boolean {
  return matchesFilter(filter, recipientOf(row), () =>
    row.facts === undefined ? undefined : messageFacts(row.message_id, row.facts).shared,
  );
}

async function page(
  connection: Connection,
  filter: QueueFilter,
  after: string | undefined,
  limit: number,
  lock: string,
): Promise<readonly LookedAtRow[]> {
  const parameters = createParameters();
  const where = [conditions(parameters, filter)];
  if (after !== undefined) {
    const at = after.lastIndexOf('/');
    const id = parameters.add(after.slice(0, at), 'text');
    const index = parameters.add(Number(after.slice(at + 1)), 'int');
    where.push(`(message_id, idx) > (${id}, ${index})`);
  }
  const facts = hasMore(filter) ? ', m.facts' : '';
  const join = hasMore(filter) ? 'JOIN postroad_queue_messages m ON m.id = r.message_id' : '';
  return await connection.query<LookedAtRow>(
    `SELECT ${recipientColumns('r')}${facts} FROM postroad_queue_recipients r ${join}
     WHERE ${where.join(' AND ')} ORDER BY message_id, idx LIMIT ${parameters.add(limit, 'bigint')} ${lock}`,
    parameters.values,
  );
}

/** What the statement itself looks for; all else is looked at row by row. */
const inStatement: ReadonlySet<string> = new Set([
  'messageId',
  'state',
  'site',
  'domain',
  'recipient',
  'sender',
  'attemptsMin',
]);

function hasMore(filter: QueueFilter): boolean {
  return Object.entries(filter).some(([key, value]) => value !== undefined && !inStatement.has(key));
}

function conditions(parameters: Parameters, filter: QueueFilter): string {
  const equal: readonly (readonly [column: string, value: string | undefined])[] = [
    ['r.message_id', filter.messageId],
    ['r.state', filter.state],
    ['r.site', filter.site],
    ['r.domain', filter.domain?.toLowerCase()],
    ['r.address', filter.recipient?.toLowerCase()],
  ];
  const all = equal.flatMap(([column, value]) =>
    value === undefined ? [] : [`${column} = ${parameters.add(value, 'text')}`],
  );
  if (filter.sender !== undefined) {
    const sender = parameters.add(filter.sender.toLowerCase(), 'text');
    all.push(
      `EXISTS (SELECT FROM postroad_queue_messages m WHERE m.id = r.message_id AND m.sender = ${sender})`,
    );
  }
  if (filter.attemptsMin !== undefined) {
    all.push(`r.attempts >= ${parameters.add(filter.attemptsMin, 'int')}`);
  }
  return all.length === 0 ? 'true' : all.join(' AND ');
}

function sumOf(byState: Readonly<Record<RecipientState, number>>): number {
  return byState.ready + byState.waiting + byState.leased + byState.held;
}

function cursorOf(row: RecipientRow): string {
  return `${row.message_id}/${row.idx}`;
}
