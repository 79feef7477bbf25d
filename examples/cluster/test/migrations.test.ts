/** Migrations are applied while nodes of the version before run: each step only adds, and mail goes on meanwhile. */
import { authPostgresMigrations } from '@postroad/auth-postgres';
import { type Logger, systemClock } from '@postroad/core';
import { sampleMessage } from '@postroad/core/testing';
import { type Migration, migrate, openPostgres, type Postgres } from '@postroad/postgres';
import { postgresMissing, startTestPostgres, type TestPostgres } from '@postroad/postgres/testing';
import { openPostgresQueueStore, queuePostgresMigrations } from '@postroad/queue-postgres';
import { storePostgresMigrations } from '@postroad/store-postgres';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });
if (postgresMissing !== undefined) console.warn(`SKIPPED: ${postgresMissing}`);
const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const owners: Readonly<Record<string, readonly Migration[]>> = {
  'queue-postgres': queuePostgresMigrations,
  'store-postgres': storePostgresMigrations,
  'auth-postgres': authPostgresMigrations,
};

/** Statements that nodes of the version before could trip over. */
function thatDoNotOnlyAdd(sql: string): readonly string[] {
  return sql
    .split(';')
    .map((statement) => statement.replace(/\s+/g, ' ').trim())
    .filter((statement) => statement !== '' && !isAdding(statement));
}

function isAdding(statement: string): boolean {
  if (/^CREATE (UNIQUE )?(TABLE|INDEX|SEQUENCE) /.test(statement)) return true;
  if (/^ALTER TABLE \S+ ALTER COLUMN \S+ SET STORAGE EXTERNAL$/.test(statement)) return true;
  // Who does not know the column leaves it out.
  const added = /^ALTER TABLE \S+ ADD COLUMN (.*)$/.exec(statement)?.[1];
  return added !== undefined && (!added.includes('NOT NULL') || added.includes('DEFAULT'));
}

describe('the migrations', () => {
  it('only add', () => {
    for (const sql of [
      'DROP TABLE a',
      'ALTER TABLE a ADD COLUMN b int NOT NULL',
      'ALTER TABLE a RENAME TO b',
    ])
      expect(thatDoNotOnlyAdd(`CREATE TABLE a (b int); ${sql}`)).toEqual([sql]);
    for (const steps of Object.values(owners)) {
      expect(steps.map((one) => one.version)).toEqual(steps.map((_, at) => at + 1));
      for (const { sql = '' } of steps) expect(thatDoNotOnlyAdd(sql)).toEqual([]);
    }
  });
});

describe.skipIf(postgresMissing !== undefined)('a node, while migrations are applied', () => {
  let server: TestPostgres;
  beforeAll(async () => {
    server = await startTestPostgres();
  });
  afterAll(() => server?.stop());

  it('takes and gives out mail all the time', async () => {
    const url = await server.url();
    const limits = { tls: 'none', connectionsMax: 4, connectTimeoutMs: 20_000, statementTimeoutMs: 20_000 };
    const connect = (): Postgres =>
      openPostgres({ ...limits, tls: 'none', url, name: 'test' }, { clock: systemClock, log });
    const database = connect();
    await migrate(database, 'queue-postgres', queuePostgresMigrations.slice(0, 1));
    const node = { node: 'old', nodeTimeoutMs: 60_000, clock: systemClock, log };
    const store = openPostgresQueueStore({ ...node, database: connect() });
    await store.start('old', systemClock.now());
    let isOver = false;
    let done = 0;
    const work = async (): Promise<void> => {
      for (let at = 0; !isOver; at++) {
        const nowMs = systemClock.now();
        const lease = { owner: 'old', untilMs: nowMs + 600_000, token: 't' };
        await store.put(sampleMessage(`m${at}`, [{ to: 'bob@b.test' }], { receivedAtMs: nowMs }), lease);
        await store.settle('old', [{ messageId: `m${at}`, index: 0, to: 'done', leaseToken: 't' }]);
        done++;
      }
    };
    const working = work();
    try {
      for (const [owner, steps] of Object.entries(owners)) await migrate(database, owner, steps);
      const before = done;
      await expect.poll(() => done, { timeout: 30_000 }).toBeGreaterThan(before);
    } finally {
      isOver = true;
      await working;
      await store.close();
      await database.close();
    }
  });
});
