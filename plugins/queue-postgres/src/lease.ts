/**
 * Leasing what is due, oldest first. Rows that another node is just taking are passed over (SKIP LOCKED), so nodes share
 * a queue without waiting for each other. What one call looks at is bounded, however much is due: first the oldest rows
 * over all sites; when these are of a few full sites only, the sites one after another, going on where the last call
 * ended.
 */
import type { LeaseRequest, QueuedRecipient } from '@postroad/core';
import { createParameters, type Postgres } from '@postroad/postgres';
import { isNamedBy, type RecipientRow, recipientColumns, recipientOf } from './rows.js';

/** Leases by one node; it remembers where it looked last. */
export interface Leaser {
  lease(request: LeaseRequest, leaseEndsMs: number): Promise<readonly QueuedRecipient[]>;
  nextDueAtMs(exceptSites?: ReadonlySet<string>): Promise<number | undefined>;
}

const parked = `postroad_queue_recipients`;
const isDue = `state IN ('ready', 'waiting')`;
/** Most sites that one call visits. */
const sitesMax = 500;
/** Stretches of sites that one call visits before it gives up for now. */
const roundsMax = 8;
/** Oldest rows that are looked at for the next moment before the sites are. */
const headRowsMax = 200;

/** A leaser over the tables. */
export function createLeaser(database: Postgres): Leaser {
  let cursor = '';

  async function leaseOldest(request: LeaseRequest, leaseEndsMs: number) {
    const window = 2 * request.limit;
    const parameters = createParameters();
    const nowMs = parameters.add(request.nowMs, 'bigint');
    const except = parameters.add([...(request.exceptSites ?? [])], 'text[]');
    const perSite = parameters.add(request.perSiteMax ?? request.limit, 'bigint');
    const picked = `head AS MATERIALIZED (
        SELECT message_id, idx, site, due_ms FROM ${parked} WHERE ${isDue} AND due_ms <= ${nowMs}
        ORDER BY due_ms, message_id, idx LIMIT ${parameters.add(window, 'bigint')} FOR UPDATE SKIP LOCKED
      ), ranked AS (
        SELECT *, row_number() OVER (PARTITION BY site ORDER BY due_ms, message_id, idx) AS place
        FROM head WHERE site <> ALL (${except})
      ), picked AS MATERIALIZED (
        SELECT message_id, idx, due_ms FROM ranked WHERE place <= ${perSite}
        ORDER BY due_ms, message_id, idx LIMIT ${parameters.add(request.limit, 'bigint')}
      )`;
    const rows = await database.query<RecipientRow & { readonly seen: number }>(
      leaseStatement(parameters, picked, '(SELECT count(*) FROM head)', request, leaseEndsMs),
      parameters.values,
    );
    const recipients = inOrder(rows);
    // When nothing was taken the statement gives no row that tells how much it saw.
    const isAllSeen = rows.length > 0 && (rows[0]?.seen ?? 0) < window;
    return { recipients, isAllSeen };
  }

  /** The next sites that have something due, going on where the last call ended; all of them when they are few. */
  async function dueSites(nowMs: number, full: ReadonlySet<string>): Promise<readonly string[]> {
    const from = cursor;
    for (let round = 0; round < roundsMax; round++) {
      const visited = await database.query<{ site: string; is_due: boolean }>(
        `WITH RECURSIVE ${sitesAfter('$1::text', '$2::int')}
         SELECT site, EXISTS (SELECT FROM ${parked} r WHERE r.${isDue} AND r.site = sites.site AND r.due_ms <= $3)
           AS is_due FROM sites WHERE site IS NOT NULL`,
        [cursor, sitesMax, nowMs],
      );
      const isEnd = visited.length < sitesMax;
      cursor = isEnd ? '' : (visited.at(-1)?.site ?? '');
      const due = visited.filter((row) => row.is_due && !full.has(row.site)).map((row) => row.site);
      if (due.length > 0 || (isEnd && from === '')) return due;
    }
    return [];
  }

  async function leaseBySite(
    request: LeaseRequest,
    leaseEndsMs: number,
    taken: readonly QueuedRecipient[],
  ): Promise<readonly QueuedRecipient[]> {
    const perSiteMax = request.perSiteMax ?? request.limit;
    const full = new Set(request.exceptSites);
    for (const [site, count] of countBySite(taken)) if (count >= perSiteMax) full.add(site);
    const sites = await dueSites(request.nowMs, full);
    if (sites.length === 0) return [];
    const parameters = createParameters();
    const picked = `picked AS MATERIALIZED (
        SELECT one.* FROM unnest(${parameters.add(sites, 'text[]')}) AS s(site) CROSS JOIN LATERAL (
          SELECT message_id, idx, due_ms FROM ${parked} r
          WHERE r.${isDue} AND r.site = s.site AND due_ms <= ${parameters.add(request.nowMs, 'bigint')}
          ORDER BY due_ms, message_id, idx LIMIT ${parameters.add(perSiteMax, 'bigint')} FOR UPDATE SKIP LOCKED
        ) one LIMIT ${parameters.add(request.limit - taken.length, 'bigint')}
      )`;
    const statement = leaseStatement(parameters, picked, '0', request, leaseEndsMs);
    return inOrder(await database.query<RecipientRow>(statement, parameters.values));
  }

  return {
    async lease(request, leaseEndsMs) {
      const oldest = await leaseOldest(request, leaseEndsMs);
      const { recipients } = oldest;
      if (recipients.length >= request.limit || oldest.isAllSeen) return recipients;
      if (recipients.length === 0 && !(await isAnyDue(database, request.nowMs))) return recipients;
      return [...recipients, ...(await leaseBySite(request, leaseEndsMs, recipients))];
    },
    nextDueAtMs: (exceptSites) => nextDueAtMs(database, exceptSites),
  };
}

/**
 * Takes what `picked` names and counts the attempts; states are named so that no index of what is due seems to do for finding
 * it again.
 */
function leaseStatement(
  parameters: ReturnType<typeof createParameters>,
  picked: string,
  seen: string,
  request: LeaseRequest,
  leaseEndsMs: number,
): string {
  const { lease, nowMs } = request;
  return `WITH ${picked}
    UPDATE postroad_queue_recipients r SET state = 'leased', due_ms = ${parameters.add(lease.untilMs, 'bigint')},
      owner = ${parameters.add(lease.owner, 'text')}, token = ${parameters.add(lease.token ?? null, 'text')},
      lease_ends_ms = ${parameters.add(leaseEndsMs, 'bigint')}, attempts = attempts + 1, unsettled = unsettled + 1,
      last_attempt_ms = ${parameters.add(nowMs, 'bigint')}
    FROM picked p WHERE ${isNamedBy('picked', 'p')} AND r.state IN ('ready', 'waiting', 'held')
    RETURNING ${recipientColumns('r')}, p.due_ms AS was_due, ${seen} AS seen`;
}

/** Up to so many sites that have something due or waiting, in order, each found by one step in the index. */
function sitesAfter(cursor: string, sites: string): string {
  return `sites AS (
      (SELECT r.site, 1 AS number FROM ${parked} r WHERE r.${isDue} AND r.site > ${cursor} ORDER BY r.site LIMIT 1)
      UNION ALL
      SELECT (SELECT r.site FROM ${parked} r WHERE r.${isDue} AND r.site > sites.site ORDER BY r.site LIMIT 1),
        number + 1 FROM sites WHERE sites.site IS NOT NULL AND number < ${sites}
    )`;
}

async function isAnyDue(database: Postgres, nowMs: number): Promise<boolean> {
  const rows = await database.query(`SELECT 1 FROM ${parked} WHERE ${isDue} AND due_ms <= $1 LIMIT 1`, [
    nowMs,
  ]);
  return rows.length > 0;
}

/** The first moment of the oldest rows, else of each site. */
async function nextDueAtMs(
  database: Postgres,
  exceptSites: ReadonlySet<string> = new Set(),
): Promise<number | undefined> {
  const head = await database.query<{ due_ms: number; site: string }>(
    `SELECT due_ms, site FROM ${parked} WHERE ${isDue} ORDER BY due_ms, message_id, idx LIMIT ${headRowsMax}`,
  );
  const first = head.find((row) => !exceptSites.has(row.site));
  if (first !== undefined || head.length < headRowsMax) return first?.due_ms;
  const [row] = await database.query<{ due_ms: number | null }>(
    `WITH RECURSIVE ${sitesAfter("''", '$2::int')}
     SELECT min(one.due_ms) AS due_ms FROM sites CROSS JOIN LATERAL (
       SELECT due_ms FROM ${parked} r WHERE r.${isDue} AND r.site = sites.site ORDER BY due_ms LIMIT 1
     ) one WHERE sites.site IS NOT NULL AND sites.site <> ALL ($1::text[])`,
    [[...exceptSites], 20 * sitesMax],
  );
  return row?.due_ms ?? undefined;
}

function countBySite(recipients: readonly QueuedRecipient[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { site } of recipients) counts.set(site, (counts.get(site) ?? 0) + 1);
  return counts;
}

/** RETURNING gives rows in any order. */
function inOrder(
  rows: readonly (RecipientRow & { readonly was_due?: number })[],
): readonly QueuedRecipient[] {
  const sorted = [...rows].sort(
    (a, b) =>
      (a.was_due ?? 0) - (b.was_due ?? 0) ||
      (a.message_id < b.message_id ? -1 : a.message_id > b.message_id ? 1 : a.idx - b.idx),
  );
  return sorted.map(recipientOf);
}
