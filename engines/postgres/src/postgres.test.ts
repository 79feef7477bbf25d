import { chown, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Logger, systemClock } from '@postroad/core';
import { makeTestCertificate, openDeafWire } from '@postroad/core/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isLost, listen, openPostgres, type Postgres } from './index.js';
import { postgresMissing, startTestPostgres, type TestPostgres } from './testing/index.js';

const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const services = { clock: systemClock, log };
const limits = {
  tls: 'none',
  connectionsMax: 4,
  connectTimeoutMs: 20_000,
  statementTimeoutMs: 5_000,
} as const;

if (postgresMissing !== undefined) console.warn(`SKIPPED: ${postgresMissing}`);

describe.skipIf(postgresMissing !== undefined)('a PostgreSQL', () => {
  let server: TestPostgres;
  const opened: Postgres[] = [];
  const open = (url: string | string[]): Postgres => {
    const database = openPostgres({ ...limits, url, name: 'test' }, services);
    opened.push(database);
    return database;
  };
  beforeAll(async () => {
    server = await startTestPostgres({ settings: ['wal_level = replica', 'max_wal_senders = 4'] });
  });
  afterAll(async () => {
    for (const database of opened) await database.close();
    await server?.stop();
  });

  it('gives 64-bit integers as numbers, and takes octets', async () => {
    const database = open(await server.url());
    const [row] = await database.query('SELECT 1700000000123::bigint AS at, $1::bytea AS octets', [
      Buffer.from([0, 255, 92]),
    ]);
    expect(row).toEqual({ at: 1_700_000_000_123, octets: Buffer.from([0, 255, 92]) });
  });

  it('is told in one place how to encrypt', async () => {
    const url = await server.url();
    for (const parameter of ['sslmode=disable', 'ssl=0', 'connect_timeout=3&sslrootcert=/nowhere'])
      expect(() =>
        openPostgres({ ...limits, tls: 'verify', url: `${url}?${parameter}`, name: 'test' }, services),
      ).toThrow(expect.objectContaining({ code: 'E_CONFIG' }));
    const [row] = await open(`${url}?sslmode=disable`).query('SELECT 1 AS one');
    expect(row).toEqual({ one: 1 });
  });

  it('commits a transaction whole or not at all', async () => {
    const database = open(await server.url());
    await database.run('CREATE TABLE t (n int PRIMARY KEY)');
    await database.transaction(async (connection) => void (await connection.run('INSERT INTO t VALUES (1)')));
    const failing = database.transaction(async (connection) => {
      await connection.run('INSERT INTO t VALUES (2)');
      await connection.run('INSERT INTO t VALUES (1)');
    });
    await expect(failing).rejects.toMatchObject({ code: '23505' });
    expect(await database.query('SELECT n FROM t')).toEqual([{ n: 1 }]);
  });

  it('runs a transaction again that lost against another', async () => {
    const database = open(await server.url());
    await database.run('CREATE TABLE t (n int PRIMARY KEY, v int NOT NULL DEFAULT 0)');
    await database.run('INSERT INTO t VALUES (1), (2)');
    const inOrder = async (order: readonly number[]): Promise<void> =>
      await database.transaction(async (connection) => {
        for (const n of order) {
          await connection.run('UPDATE t SET v = v + 1 WHERE n = $1', [n]);
          await connection.query('SELECT pg_sleep(0.05)');
        }
      });
    await Promise.all([inOrder([1, 2]), inOrder([2, 1])]);
    expect(await database.query('SELECT v FROM t')).toEqual([{ v: 2 }, { v: 2 }]);
  });

  it('keeps statements that come again, and does without where a pooler loses them', async () => {
    const url = await server.url();
    const text = 'SELECT $1::int + 1 AS n';
    const database = openPostgres({ ...limits, url, name: 'test', connectionsMax: 1 }, services);
    opened.push(database);
    const kept = 'SELECT name FROM pg_prepared_statements WHERE statement = $1';
    expect(await database.repeat(text, [1])).toEqual([{ n: 2 }]);
    const [statement] = await database.query<{ name: string }>(kept, [text]);
    expect(statement?.name).toMatch(/^postroad_[0-9a-f]{32}$/);
    // As if another connection answered now, in a transaction too; and as if another node had been there before.
    await database.query('DEALLOCATE ALL');
    const inside = database.transaction((connection) => connection.repeat(text, [2]));
    expect(await inside).toEqual([{ n: 3 }]);
    expect(await database.repeat(text, [3])).toEqual([{ n: 4 }]);
    expect(await database.query(kept, [text])).toEqual([]);
    const another = openPostgres({ ...limits, url, name: 'test', connectionsMax: 1 }, services);
    opened.push(another);
    await another.query(`PREPARE ${statement?.name} AS SELECT 7 AS n`);
    expect(await another.repeat(text, [4])).toEqual([{ n: 5 }]);
  });

  it('hears notices, and of the gap when its connection was cut', async () => {
    const database = open(await server.url());
    const heard: string[] = [];
    const listening = listen(
      database,
      'news',
      { notice: (payload) => heard.push(payload), gap: () => heard.push('gap') },
      services,
    );
    await listening.ready;
    await database.query("SELECT pg_notify('news', 'one')");
    await expect.poll(() => heard).toEqual(['one']);
    await server.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND pid <> pg_backend_pid()",
    );
    await expect.poll(() => heard).toEqual(['one', 'gap']);
    await database.query("SELECT pg_notify('news', 'two')");
    await expect.poll(() => heard).toEqual(['one', 'gap', 'two']);
    await listening.stop();
  });

  it('hears again, and of the gap, when its connection is silent for too long', async () => {
    const wire = await openDeafWire(server.port);
    const { clock, fire, made } = longTimersByHand();
    const heard: string[] = [];
    const listening = listen(
      open((await server.url()).replace(`:${server.port}/`, `:${wire.port}/`)),
      'news',
      { notice: (payload) => heard.push(payload), gap: () => heard.push('gap') },
      { log, clock },
    );
    await listening.ready;
    // It is asked, answers, and is to be asked again.
    fire();
    await expect.poll(made).toBe(3);
    wire.deafen();
    await server.query("SELECT pg_notify('news', 'missed')");
    fire();
    expect([made(), heard]).toEqual([4, []]);
    fire();
    await expect.poll(() => heard).toEqual(['gap']);
    await server.query("SELECT pg_notify('news', 'heard')");
    await expect.poll(() => heard).toEqual(['gap', 'heard']);
    await listening.stop();
    await wire.close();
  });

  it('encrypts when asked to, and goes to no server but the one that was meant', async () => {
    const { key, cert } = await makeTestCertificate({ hostname: 'localhost' });
    const { uid, gid } = await stat(server.directory);
    for (const [name, text] of Object.entries({ key, cert })) {
      const file = join(server.directory, `tls-${name}.pem`);
      await writeFile(file, text, { mode: 0o600 });
      await chown(file, uid, gid);
      await server.query(`ALTER SYSTEM SET ssl_${name}_file = '${file}'`);
    }
    const url = await server.url();
    const byName = url.replace('@127.0.0.1:', '@localhost:');
    const ask = async (to: string, more: { tls: 'none' | 'required' | 'verify'; tlsCa?: string }) => {
      const database = openPostgres({ ...limits, ...more, url: to, name: 'test' }, services);
      opened.push(database);
      const [row] = await database.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
      return row?.ssl;
    };
    await expect(ask(url, { tls: 'required' })).rejects.toThrow(/does not support SSL/);
    await server.query('ALTER SYSTEM SET ssl = on');
    await server.query('SELECT pg_reload_conf()');
    const encrypted = () => ask(url, { tls: 'required' }).catch(() => false);
    await expect.poll(encrypted).toBe(true);
    expect(await ask(url, { tls: 'none' })).toBe(false);
    await expect(ask(byName, { tls: 'verify' })).rejects.toThrow(/self-signed/);
    expect(await ask(byName, { tls: 'verify', tlsCa: cert })).toBe(true);
    expect(await ask(url, { tls: 'verify', tlsCa: cert })).toBe(true);
    // The certificate is of `localhost` and 127.0.0.1, whoever shows it at another address.
    const wire = await openDeafWire(server.port, '127.0.0.2');
    const elsewhere = url.replace(`127.0.0.1:${server.port}/`, `127.0.0.2:${wire.port}/`);
    await expect(ask(elsewhere, { tls: 'verify', tlsCa: cert })).rejects.toThrow(/IP: 127.0.0.2 is not in/);
    expect(await ask(elsewhere, { tls: 'required' })).toBe(true);
    await wire.close();
    const other = await makeTestCertificate({ hostname: 'localhost' });
    await expect(ask(byName, { tls: 'verify', tlsCa: other.cert })).rejects.toThrow();
  });

  it('fails while the server is away and works again when it is back', async () => {
    const database = open(await server.url());
    await database.query('SELECT 1');
    await server.kill();
    const failure = await database.query('SELECT 1').then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(isLost(failure)).toBe(true);
    await server.start();
    await expect.poll(() => database.query('SELECT 1 AS n').catch(() => undefined)).toEqual([{ n: 1 }]);
  });

  it('goes over to a standby that was promoted', async () => {
    const standby = await startTestPostgres({ standbyOf: server });
    try {
      const url = await server.url();
      const both = [url, url.replace(`:${server.port}/`, `:${standby.port}/`)];
      // Named first, the standby is passed over while it takes no writes.
      const database = open([...both].reverse());
      await database.run('CREATE TABLE t (n int)');
      const [lsn] = await server.query('SELECT pg_current_wal_lsn()::text AS at');
      const seen = `SELECT pg_last_wal_replay_lsn() >= '${lsn?.at}'::pg_lsn AS yes`;
      await expect.poll(() => standby.query(seen)).toEqual([{ yes: true }]);
      await server.kill();
      await standby.query('SELECT pg_promote()');
      const insert = () => database.run('INSERT INTO t VALUES (1)').catch(() => 0);
      await expect.poll(insert).toBe(1);
    } finally {
      await standby.stop();
      await server.start();
    }
  });
});

/** A clock whose timers of many seconds run when the test says so, the first one first. */
function longTimersByHand() {
  const pending = new Set<() => void>();
  let made = 0;
  const after: typeof systemClock.after = (ms, run) => {
    if (ms < 10_000) return systemClock.after(ms, run);
    made++;
    pending.add(run);
    return { cancel: () => void pending.delete(run) };
  };
  return {
    clock: { ...systemClock, after },
    made: () => made,
    fire(): void {
      const [run] = pending;
      if (run === undefined) throw new Error('nothing waits');
      pending.delete(run);
      run();
    },
  };
}
