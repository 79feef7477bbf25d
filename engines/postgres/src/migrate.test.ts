/** Migrations on a real server, while others hold locks, write, migrate too, or end what is under way. */
import { type Logger, systemClock } from '@postroad/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type MigrateOptions,
  type Migration,
  migrate,
  openPostgres,
  type Postgres,
  requireMigrated,
} from './index.js';
import { postgresMissing, startTestPostgres, type TestPostgres } from './testing/index.js';

const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const services = { clock: systemClock, log };
const limits = {
  tls: 'none',
  connectionsMax: 4,
  connectTimeoutMs: 20_000,
  statementTimeoutMs: 20_000,
} as const;

const table: Migration = { version: 1, name: 'first', sql: 'CREATE TABLE a (n int); CREATE TABLE b (n int)' };
const column: Migration = { version: 2, name: 'second', sql: 'ALTER TABLE a ADD COLUMN m int' };
const index: Migration = {
  version: 2,
  name: 'second',
  indexes: [{ name: 'a_n', table: 'a', definition: '(n) WHERE n > 0' }],
};

if (postgresMissing !== undefined) console.warn(`SKIPPED: ${postgresMissing}`);

describe.skipIf(postgresMissing !== undefined)('a migration', () => {
  let server: TestPostgres;
  const opened: Postgres[] = [];
  const open = (url: string): Postgres => {
    const database = openPostgres({ ...limits, url, name: 'test' }, services);
    opened.push(database);
    return database;
  };
  beforeAll(async () => {
    server = await startTestPostgres();
  });
  afterAll(async () => {
    for (const database of opened) await database.close();
    await server?.stop();
  });

  /** A table of two rows, of which one is not committed; the locks are held until `release`. */
  async function tableInUse(): Promise<{ url: string; database: Postgres; release(): Promise<void> }> {
    const url = await server.url();
    const database = open(url);
    await migrate(database, 'me', [table]);
    await database.run('INSERT INTO a VALUES (1)');
    const holder = await database.connect();
    await holder.query('BEGIN');
    await holder.query('INSERT INTO a VALUES (2)');
    const release = async (): Promise<void> => {
      await holder.query('COMMIT');
      await holder.end();
    };
    return { url, database, release };
  }

  /** Hears what is reported; `until` resolves with the first line that matches. */
  function ear(): Required<Pick<MigrateOptions, 'report'>> & { until(pattern: RegExp): Promise<string> } {
    const lines: string[] = [];
    const heard = (pattern: RegExp): string => lines.find((line) => pattern.test(line)) ?? '';
    return {
      report: (line) => void lines.push(line),
      async until(pattern) {
        await expect.poll(() => heard(pattern), { timeout: 30_000, interval: 20 }).toMatch(pattern);
        return heard(pattern);
      },
    };
  }

  const isWhole = async (database: Postgres): Promise<unknown> =>
    (await database.query("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('a_n')"))[0]
      ?.indisvalid;

  it('is applied once, also when two do it at once, and it is known what is missing', async () => {
    const url = await server.url();
    const steps = [table, { ...column, ...index, sql: column.sql ?? '' }];
    await expect(requireMigrated(open(url), 'me', steps)).rejects.toMatchObject({ code: 'E_START' });
    const applied = await Promise.all([migrate(open(url), 'me', steps), migrate(open(url), 'me', steps)]);
    const names = applied.flat().map((one) => one.name);
    expect(names.sort()).toEqual(['first', 'second']);
    expect(await migrate(open(url), 'me', steps)).toEqual([]);
    expect(await isWhole(open(url))).toBe(true);
    await requireMigrated(open(url), 'me', steps);
    // An older node meets tables that are ahead of it.
    await requireMigrated(open(url), 'me', steps.slice(0, 1));
    await expect(requireMigrated(open(url), 'another', steps)).rejects.toMatchObject({ code: 'E_START' });
  });

  it('leaves nothing when it fails', async () => {
    const database = open(await server.url());
    const broken = [{ version: 1, name: 'broken', sql: 'CREATE TABLE a (n int); SELECT nonsense' }];
    await expect(migrate(database, 'me', broken)).rejects.toMatchObject({ code: '42703' });
    const mended = [{ version: 1, name: 'mended', sql: 'CREATE TABLE a (n int)' }];
    expect(await migrate(database, 'me', mended)).toHaveLength(1);
  });

  it('lets writers go on while it waits for a strong lock', async () => {
    const { database, release } = await tableInUse();
    const { report, until } = ear();
    const migrating = migrate(database, 'me', [table, column], { report });
    expect(await until(/waits for a lock/)).toMatch(/the oldest transaction: process \d+, "test", since/);
    for (let n = 3; n < 13; n++) await database.run('INSERT INTO a VALUES ($1)', [n]);
    await release();
    expect(await migrating).toEqual([column]);
    expect(await database.query('SELECT count(*) AS n, count(m) AS m FROM a')).toEqual([{ n: 12, m: 0 }]);
  });

  it('gives up after a while, naming who holds the lock, and nothing is changed', async () => {
    const { database, release } = await tableInUse();
    const refused = migrate(database, 'me', [table, column], { patienceMs: 0 });
    await expect(refused).rejects.toMatchObject({
      code: 'E_START',
      message: expect.stringMatching(
        /a lock was not to be had \(the oldest transaction: process \d+, "test"/,
      ),
    });
    await release();
    await expect(database.query('SELECT m FROM a')).rejects.toMatchObject({ code: '42703' });
    await expect(requireMigrated(database, 'me', [table, column])).rejects.toMatchObject({ code: 'E_START' });
  });

  it('makes an index beside writers; what was broken off is made anew, by one of two', async () => {
    const { url, database, release } = await tableInUse();
    const first = ear();
    const broken = migrate(database, 'me', [table, index], first);
    const rejected = expect(broken).rejects.toMatchObject({ code: '57P01' });
    await first.until(/a_n: waiting for writers before build.*for process \d+/);
    for (let n = 3; n < 13; n++) await database.run('INSERT INTO a VALUES ($1)', [n]);
    await server.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%' AND state = 'active'",
    );
    await rejected;
    expect(await isWhole(database)).toBe(false);
    const [second, third] = [ear(), ear()];
    const both = [
      migrate(database, 'me', [table, index], second),
      migrate(open(url), 'me', [table, index], third),
    ];
    await Promise.all([second.until(/drops a_n, which was left/), third.until(/drops a_n, which was left/)]);
    await release();
    expect((await Promise.all(both)).flat()).toEqual([index]);
    expect(await isWhole(database)).toBe(true);
    const rows = await database.query('SELECT count(*) AS n FROM a WHERE n > 0');
    expect(rows).toEqual([{ n: 12 }]);
  });

  it('waits for another that makes the same index', async () => {
    const { url, database, release } = await tableInUse();
    const [first, second] = [ear(), ear()];
    const making = migrate(database, 'me', [table, index], first);
    await first.until(/waiting for writers/);
    const waiting = migrate(open(url), 'me', [table, index], second);
    await second.until(/waiting for writers/);
    await release();
    expect((await Promise.all([making, waiting])).flat()).toEqual([index]);
    expect(await isWhole(database)).toBe(true);
  });

  it('says what to do where no index can be made beside writers, and takes one made by hand', async () => {
    const database = open(await server.url());
    const divided: Migration = { ...table, sql: 'CREATE TABLE a (n int) PARTITION BY RANGE (n)' };
    const refused = migrate(database, 'me', [divided, index]);
    await expect(refused).rejects.toMatchObject({
      code: 'E_START',
      message: expect.stringContaining('CREATE INDEX a_n ON a (n) WHERE n > 0'),
    });
    await database.run('CREATE INDEX a_n ON a (n) WHERE n > 0');
    expect(await migrate(database, 'me', [divided, index])).toEqual([index]);
  });
});
