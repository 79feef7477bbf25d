/** What keeps the mail: PostgreSQL with a standby that has every commit, Redis, S3. Debian's programs, in directories of their own. */
import { postgresMissing, startTestPostgres, type TestPostgres } from '@postroad/postgres/testing';
import { redisMissing, startTestRedis, type TestRedis } from '@postroad/redis/testing';
import { s3Missing, startTestS3, type TestS3 } from '@postroad/s3/testing';

/** Running engines. */
export interface Engines {
  readonly primary: TestPostgres;
  readonly standby: TestPostgres;
  readonly redis: TestRedis;
  readonly s3: TestS3;
  /** Where the database is: the primary, then the standby. */
  readonly urls: readonly string[];
  /** Makes the standby the primary. */
  promote(): Promise<void>;
  stop(): Promise<void>;
}

/** Why they can not run here; `undefined` when they can. */
export const enginesMissing = postgresMissing ?? redisMissing ?? s3Missing;

/** Starts them. `isSynced` syncs the disk at every commit, as a real one must. */
export async function startEngines({ isSynced }: { readonly isSynced: boolean }): Promise<Engines> {
  const settings = [
    'wal_level = replica',
    'max_wal_senders = 4',
    'hot_standby = on',
    ...(isSynced ? ['fsync = on'] : []),
  ];
  const [redis, s3, [primary, standby]] = await Promise.all([
    startTestRedis(),
    startTestS3(),
    startPair(settings),
  ]);
  const url = await primary.url();
  return {
    primary,
    standby,
    redis,
    s3,
    urls: [url, url.replace(`:${primary.port}/`, `:${standby.port}/`)],
    async promote() {
      // Alone, it has nobody to wait for.
      await standby.query("ALTER SYSTEM SET synchronous_standby_names = ''");
      await standby.query('SELECT pg_promote()');
      await standby.query('SELECT pg_reload_conf()');
    },
    async stop() {
      for (const one of [standby, primary, redis, s3]) await one.stop();
    },
  };
}

async function startPair(settings: readonly string[]): Promise<readonly [TestPostgres, TestPostgres]> {
  const primary = await startTestPostgres({ settings });
  const standby = await startTestPostgres({ settings, standbyOf: primary });
  // A commit waits until the standby has it: what is acknowledged survives the primary.
  await primary.query("ALTER SYSTEM SET synchronous_standby_names = '*'");
  await primary.query('SELECT pg_reload_conf()');
  return [primary, standby];
}
