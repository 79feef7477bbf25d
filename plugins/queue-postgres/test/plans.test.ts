/** How the database finds what it is asked for among many rows, and that what goes through leaves nothing behind. */
import { type Logger, type QueueStore, systemClock } from '@postroad/core';
import { sampleMessage } from '@postroad/core/testing';
import { migrate, openPostgres, type Postgres } from '@postroad/postgres';
import { postgresMissing, startTestPostgres, type TestPostgres } from '@postroad/postgres/testing';
import { openPostgresQueueStore, queuePostgresMigrations } from '@postroad/queue-postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const limits = {
  tls: 'none',
  connectionsMax: 4,
  connectTimeoutMs: 20_000,
  statementTimeoutMs: 60_000,
} as const;
const rows = 50_000;
if (postgresMissing !== undefined) console.warn(`SKIPPED: ${postgresMissing}`);

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Index Cond'?: string;
  readonly Plans?: readonly PlanNode[];
}

/** Whether it reads all rows: by the table, or by its primary key without the id. */
function isWhole(node: PlanNode): boolean {
  if (node['Node Type'] === 'Seq Scan') return true;
  return /_pkey$/.test(node['Index Name'] ?? '') && !/\bid\b|message_id/.test(node['Index Cond'] ?? '');
}

describe.skipIf(postgresMissing !== undefined)('a queue with many rows', () => {
  let server: TestPostgres;
  let database: Postgres;
  let store: QueueStore;
  /** Tables that a statement read from one end to the other, or their primary key. */
  const scanned = new Set<string>();
  const large = new Set(['postroad_queue_parked', 'postroad_queue_messages', 'postroad_queue_chunks']);

  async function explain(of: Postgres, text: string, values: readonly unknown[]): Promise<void> {
    if (!/^\s*(WITH|SELECT|INSERT|UPDATE|DELETE)/.test(text)) return;
    const [row] = await of.query<Record<string, readonly { readonly Plan: PlanNode }[]>>(
      `EXPLAIN (FORMAT JSON) ${text}`,
      values,
    );
    const visit = (node: PlanNode): void => {
      const relation = node['Relation Name'] ?? '';
      if (large.has(relation) && isWhole(node)) scanned.add(`${relation}: ${text.slice(0, 200)}`);
      for (const child of node.Plans ?? []) visit(child);
    };
    for (const { Plan } of row?.['QUERY PLAN'] ?? []) visit(Plan);
  }

  /** The same database, and the plan of each statement is looked at before. */
  const explaining = (of: Postgres): Postgres => ({
    ...of,
    async query(text, values = []) {
      await explain(of, text, values);
      return await of.query(text, values);
    },
    async repeat(text, values) {
      await explain(of, text, values);
      return await of.repeat(text, values);
    },
    async run(text, values = []) {
      await explain(of, text, values);
      return await of.run(text, values);
    },
    close: async () => undefined,
  });

  async function openQueue(): Promise<{ database: Postgres; store: QueueStore }> {
    const url = await server.url();
    const opened = openPostgres({ ...limits, url, name: 'test' }, { clock: systemClock, log });
    await migrate(opened, 'queue-postgres', queuePostgresMigrations);
    const node = { clock: systemClock, log, node: 'a', nodeTimeoutMs: 60_000 };
    return { database: opened, store: openPostgresQueueStore({ ...node, database: explaining(opened) }) };
  }

  beforeAll(async () => {
    server = await startTestPostgres({ settings: ['shared_buffers = 128MB'] });
    ({ database, store } = await openQueue());
    const nowMs = systemClock.now();
    // Nine tenths wait for later, at a thousand sites; every one has a message.
    await database.run(`INSERT INTO postroad_queue_messages (id, facts, sender, recipients, remaining, body)
      SELECT 'm' || n, '{"shared":{"id":"m' || n || '"}}', 'a@b.test', 1, 1, '\\x00' FROM generate_series(1, ${rows}) n`);
    await database.run(`INSERT INTO postroad_queue_recipients
        (message_id, idx, state, due_ms, site, domain, address, fixed, attempts, unsettled, is_delay_told)
      SELECT 'm' || n, 0, 'waiting', ${nowMs} + CASE WHEN n % 10 = 0 THEN -n ELSE 3600000 + n END, 'mx:d' || n % 1000 || '.test',
        'd' || n % 1000 || '.test', 'u' || n || '@d.test',
        '{"address":{"localPart":"u","domain":"d.test"}}', 1, 0, false FROM generate_series(1, ${rows}) n`);
    await database.run(`INSERT INTO postroad_queue_chunks (message_id, part, octets)
      SELECT 'c' || n, 0, '\\x00' FROM generate_series(1, 5000) n`);
    await database.run('ANALYZE');
    await store.start('a', nowMs);
  }, 300_000);
  afterAll(async () => {
    await store?.close();
    await database?.close();
    await server?.stop();
  });

  it('is leased, settled and asked for the next moment by index, whatever waits', {
    timeout: 120_000,
  }, async () => {
    scanned.clear();
    const nowMs = systemClock.now();
    const lease = { owner: 'a', untilMs: nowMs + 600_000, token: 'a-1' };
    const leased = await store.lease({ nowMs, limit: 50, perSiteMax: 2, lease });
    expect(leased).toHaveLength(50);
    const others = await store.lease({
      nowMs,
      limit: 50,
      perSiteMax: 5,
      lease,
      // The oldest rows are of full sites: the sites are visited in turn.
      exceptSites: new Set(Array.from({ length: 60 }, (_, at) => `mx:d${1000 - 10 * at}.test`)),
    });
    expect(others.length).toBeGreaterThan(0);
    await Promise.all(leased.slice(0, 20).map((one) => store.message(one.messageId)));
    await store.settle(
      'a',
      leased.map(({ messageId, index }, at) =>
        at % 2 === 0
          ? { messageId, index, to: 'done' as const }
          : { messageId, index, to: 'waiting' as const, dueAtMs: nowMs + 1_000_000 },
      ),
    );
    expect(await store.nextDueAtMs(new Set(['mx:d0.test']))).toBeLessThan(nowMs);
    await store.put(sampleMessage('new', [{ to: 'bob@b.test' }], { receivedAtMs: nowMs }), lease);
    expect([...scanned]).toEqual([]);
  });

  it('is found by key too when the tables were last analysed while they were empty', async () => {
    const { database: burst, store: queue } = await openQueue();
    const nowMs = systemClock.now();
    const fill = async (state: 'ready' | 'leased'): Promise<void> => {
      await burst.run(`INSERT INTO postroad_queue_messages (id, facts, sender, recipients, remaining)
        SELECT 'm' || n, '{"shared":{"id":"m' || n || '"}}', 'a@b.test', 1, 1 FROM generate_series(1, 3000) n`);
      await burst.run(`INSERT INTO postroad_queue_recipients
          (message_id, idx, state, due_ms, site, domain, address, fixed, attempts, unsettled, is_delay_told)
        SELECT 'm' || n, 0, '${state}', ${nowMs}, 'mx:b.test', 'b.test', 'u@b.test',
          '{"address":{"localPart":"u","domain":"b.test"}}', 1, 0, false FROM generate_series(1, 3000) n`);
    };
    const empty = 'DELETE FROM postroad_queue_messages; DELETE FROM postroad_queue_recipients';
    for (const state of ['ready', 'leased'] as const) {
      await fill(state);
      await burst.run(empty);
    }
    await burst.run('ANALYZE postroad_queue_messages, postroad_queue_parked, postroad_queue_leased');
    await fill('ready');
    await queue.start('a', nowMs);
    scanned.clear();
    large.add('postroad_queue_leased');
    const lease = { owner: 'a', untilMs: nowMs + 600_000, token: 'a-1' };
    const lists = [];
    for (let at = 0; at < 3; at++) lists.push(await queue.lease({ nowMs, limit: 200, lease }));
    for (const list of lists) {
      const settled = list.map(({ messageId, index }, at) => {
        if (at % 2 === 0) return { messageId, index, to: 'done' as const };
        return { messageId, index, to: 'waiting' as const, dueAtMs: nowMs + 1_000_000 };
      });
      await queue.settle('a', settled);
    }
    expect([...scanned]).toEqual([]);
    expect(await queue.count()).toMatchObject({ byState: { ready: 2_400, waiting: 300, leased: 0 } });
    large.delete('postroad_queue_leased');
    await burst.close();
  });

  it('does not grow by what goes through it', { timeout: 120_000 }, async () => {
    const sizes = async () => {
      await database.run('VACUUM postroad_queue_leased');
      await database.run('VACUUM postroad_queue_messages');
      const [row] = await database.query<{ leased: number; messages: number; parked: number }>(
        `SELECT pg_total_relation_size('postroad_queue_leased') AS leased,
           pg_total_relation_size('postroad_queue_messages') AS messages,
           pg_total_relation_size('postroad_queue_parked') AS parked`,
      );
      return row as { leased: number; messages: number; parked: number };
    };
    const pass = async (round: number): Promise<void> => {
      const nowMs = systemClock.now();
      const lease = { owner: 'a', untilMs: nowMs + 600_000, token: `a-${round}` };
      const put = Array.from({ length: 500 }, (_, at) =>
        store.put(sampleMessage(`r${round}-${at}`, [{ to: 'bob@b.test' }], { receivedAtMs: nowMs }), lease),
      );
      const recipients = (await Promise.all(put)).flat();
      await store.settle(
        'a',
        recipients.map(({ messageId, index }) => ({ messageId, index, to: 'done' as const })),
      );
    };
    const rounds: Awaited<ReturnType<typeof sizes>>[] = [];
    for (let round = 0; round < 8; round++) {
      await pass(round);
      rounds.push(await sizes());
    }
    const [before, after] = [rounds[3], rounds[7]] as [(typeof rounds)[0], (typeof rounds)[0]];
    // Vacuumed pages are used again: twice as much has gone through, and the tables are what they were.
    expect(after.leased).toBeLessThanOrEqual(1.3 * before.leased);
    expect(after.messages).toBeLessThanOrEqual(1.05 * before.messages);
    // A message that is delivered at its first try never touches what waits.
    expect(after.parked).toBe(before.parked);
  });
});
