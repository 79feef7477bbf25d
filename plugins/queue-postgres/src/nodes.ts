/**
 * Which nodes share the queue. A node says every few seconds that it is there, by the database's clock. One that was not
 * heard of for `nodeTimeoutMs` is gone: its row is removed, and with it, in one transaction, its leases are given back.
 * A node that finds its row removed knows that its leases are somebody else's by now.
 */
import { type Clock, type Logger, type QueuedRecipient, recoveredRecipient } from '@postroad/core';
import type { Postgres } from '@postroad/postgres';
import { type RecipientRow, recipientColumns, recipientOf } from './rows.js';
import { endLease } from './settle.js';

/** The nodes as one of them sees it. */
export interface Nodes {
  /** Joins, and gives back the leases of those that are gone; resolves with how many. */
  join(owner: string, nowMs: number): Promise<number>;
  /** Whether the leases are held for sure. */
  isHeld(recipients: readonly QueuedRecipient[]): boolean;
  /** Whether this node is known to be among the nodes, so that what it leases is left to it. */
  readonly isMember: boolean;
  readonly owner: string | undefined;
  /** How many nodes there were when this one last said that it is there. */
  readonly count: number;
  /** By how much the database's clock is ahead of ours. */
  readonly skewMs: number;
  /** Says goodbye and gives back what it holds. */
  leave(): Promise<void>;
}

/** What it works with. */
export interface NodesOptions {
  readonly database: Postgres;
  readonly clock: Clock;
  readonly log: Logger;
  readonly name: string;
  readonly nodeTimeoutMs: number;
  /** Leases were given back: there is work. */
  recovered(): void;
}

const lapseRowsMax = 5_000;

/** Not a member of anything yet. */
export function createNodes(options: NodesOptions): Nodes {
  const { database, clock, log, name, nodeTimeoutMs } = options;
  const stopping = new AbortController();
  let owner: string | undefined;
  let working: Promise<void> | undefined;
  let heardAtMs = Number.NEGATIVE_INFINITY;
  let lostAtMs = Number.NEGATIVE_INFINITY;
  let patientUntilMs = Number.NEGATIVE_INFINITY;
  let skewMs = 0;
  let count = 1;
  const isMember = (): boolean => clock.monotonic() - heardAtMs < (nodeTimeoutMs * 3) / 4;

  async function beat(): Promise<void> {
    const beganMs = clock.monotonic();
    const askedAtMs = clock.now();
    const [row] = await database.query<{ is_new: boolean; now_ms: number; others: number }>(
      `INSERT INTO postroad_queue_nodes AS n (owner, name, seen_at) VALUES ($1, $2, now())
       ON CONFLICT (owner) DO UPDATE SET seen_at = now()
       RETURNING (xmax = 0) AS is_new, (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms,
         (SELECT count(*) FROM postroad_queue_nodes o WHERE o.owner <> n.owner) AS others`,
      [owner, name],
    );
    const isReturning = row?.is_new === true && heardAtMs > Number.NEGATIVE_INFINITY;
    if (isReturning) {
      lostAtMs = clock.now();
      log.warn('this node was away for too long: what it had leased is given to others', { owner });
    }
    skewMs = Math.round((row?.now_ms ?? askedAtMs) - (askedAtMs + clock.now()) / 2);
    count = (row?.others ?? 0) + 1;
    heardAtMs = beganMs;
  }

  async function work(): Promise<void> {
    while (!stopping.signal.aborted) {
      // The sleep ends early at a stop; the loop's condition sees it.
      await clock.sleep(nodeTimeoutMs / 4, stopping.signal).catch(() => undefined);
      if (stopping.signal.aborted) return;
      try {
        const wasAway = clock.monotonic() - heardAtMs > nodeTimeoutMs / 2;
        await beat();
        // Where it could not be heard itself, perhaps nobody could: the others get time to say that they are there.
        if (wasAway) patientUntilMs = clock.monotonic() + nodeTimeoutMs / 2;
        if (clock.monotonic() < patientUntilMs) continue;
        if ((await sweep(options, owner, clock.now())) > 0) options.recovered();
      } catch (error) {
        log.warn('this node can not say that it is there', { error });
      }
    }
  }

  return {
    async join(joining, nowMs) {
      owner = joining;
      await beat();
      const recovered = await sweep(options, owner, nowMs);
      working ??= work();
      return recovered;
    },
    isHeld: (recipients) =>
      isMember() && recipients.every((one) => (one.lastAttemptAtMs ?? Number.MAX_VALUE) >= lostAtMs),
    get isMember() {
      return isMember();
    },
    get owner() {
      return owner;
    },
    get count() {
      return count;
    },
    get skewMs() {
      return skewMs;
    },
    async leave() {
      stopping.abort();
      await working;
      if (owner === undefined) return;
      try {
        await database.run('DELETE FROM postroad_queue_nodes WHERE owner = $1', [owner]);
        await sweep(options, undefined, clock.now());
      } catch (error) {
        log.warn('this node could not say goodbye; its leases return in time', { error });
      }
    },
  };
}

/** Removes nodes that are gone, and gives back leases that no node holds. */
async function sweep(options: NodesOptions, owner: string | undefined, nowMs: number): Promise<number> {
  const { database, name, nodeTimeoutMs } = options;
  // A node that starts again under its name has taken the place of the one before.
  await database.run(
    `DELETE FROM postroad_queue_nodes
     WHERE seen_at < now() - make_interval(secs => $1) OR ($2::text IS NOT NULL AND name = $3 AND owner <> $2)`,
    [nodeTimeoutMs / 1000, owner ?? null, name],
  );
  return await giveBack(
    database,
    'NOT EXISTS (SELECT FROM postroad_queue_nodes n WHERE n.owner = r.owner)',
    [],
    nowMs,
  );
}

/** Gives back leases whose time is over; `nowMs` is by the database's clock. */
export async function giveBackLapsed(
  database: Postgres,
  databaseNowMs: number,
  nowMs: number,
): Promise<number> {
  return await giveBack(database, 'r.lease_ends_ms <= $1', [databaseNowMs], nowMs);
}

async function giveBack(
  database: Postgres,
  which: string,
  values: readonly unknown[],
  nowMs: number,
): Promise<number> {
  let total = 0;
  for (;;) {
    const given = await database.transaction(async (connection) => {
      const rows = await connection.query<RecipientRow>(
        `SELECT ${recipientColumns('r')} FROM postroad_queue_recipients r WHERE r.state = 'leased' AND ${which}
         LIMIT ${lapseRowsMax} FOR UPDATE SKIP LOCKED`,
        values,
      );
      const plain = rows.filter((row) => row.ordered === null);
      if (plain.length > 0) {
        await connection.run(
          `UPDATE postroad_queue_recipients r SET state = 'ready', due_ms = $3, owner = NULL, token = NULL,
             lease_ends_ms = NULL
           FROM unnest($1::text[], $2::int[]) AS k(id, at)
           WHERE r.message_id = k.id AND r.idx = k.at AND r.state = 'leased'`,
          [plain.map((row) => row.message_id), plain.map((row) => row.idx), nowMs],
        );
      }
      for (const row of rows) {
        if (row.ordered !== null)
          await endLease(connection, row, recoveredRecipient(recipientOf(row), nowMs));
      }
      return rows.length;
    });
    total += given;
    if (given < lapseRowsMax) return total;
  }
}
