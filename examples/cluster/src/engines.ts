/** What keeps the mail: PostgreSQL with a standby that has every commit, Redis, S3. Debian's programs, in directories of their own. */
import { systemClock } from '@postroad/core';
import { postgresMissing, startTestPostgres, type TestPostgres } from '@postroad/postgres/testing';
import { redisMissing, startTestRedis, type TestRedis } from '@postroad/redis/testing';
import { type FaultWire, openFaultWire, s3Missing, startTestS3, type TestS3 } from '@postroad/s3/testing';
import { openSmallDisk, type SmallDisk, smallDiskMissing } from './disk.js';

/** Running engines. */
export interface Engines {
  readonly primary: TestPostgres;
  readonly standby: TestPostgres;
  readonly redis: TestRedis;
  readonly s3: TestS3;
  /** Between the nodes and S3: it can be made to fail. */
  readonly wire: FaultWire;
  /** What the primary is on, when it is small. */
  readonly disk: SmallDisk | undefined;
  /** Where the database is: the primary, then the standby. */
  readonly urls: readonly string[];
  /** Makes the standby the primary. */
  promote(): Promise<void>;
  /** Starts the primary again if it has given up. */
  revive(): Promise<void>;
  stop(): Promise<void>;
}

/** Why they can not run here; `undefined` when they can. */
export const enginesMissing = postgresMissing ?? redisMissing ?? s3Missing;

/** What they are to be like. */
export interface EnginesOptions {
  /** Whether the disk is synced at every commit, as a real one must be. */
  readonly isSynced: boolean;
  /** Whether the primary is on a small file system of its own, where one can be made. */
  readonly isDiskSmall?: boolean;
}

const diskMegabytes = 400;

/** Starts them. */
export async function startEngines({ isSynced, isDiskSmall = false }: EnginesOptions): Promise<Engines> {
  const settings = [
    'wal_level = replica',
    'max_wal_senders = 4',
    'hot_standby = on',
    'max_wal_size = 64MB',
    ...(isSynced ? ['fsync = on'] : []),
  ];
  const disk = isDiskSmall && smallDiskMissing === undefined ? await openSmallDisk(diskMegabytes) : undefined;
  const [redis, s3, [primary, standby]] = await Promise.all([
    startTestRedis(),
    startTestS3(),
    startPair(settings, disk?.path),
  ]);
  const wire = await openFaultWire(s3.port);
  const url = await primary.url();
  return {
    primary,
    standby,
    redis,
    s3,
    wire,
    disk,
    urls: [url, url.replace(`:${primary.port}/`, `:${standby.port}/`)],
    async promote() {
      // Alone, it has nobody to wait for.
      await standby.query("ALTER SYSTEM SET synchronous_standby_names = ''");
      await standby.query('SELECT pg_promote()');
      await standby.query('SELECT pg_reload_conf()');
    },
    revive: () => revive(primary),
    async stop() {
      await wire.close();
      for (const one of [standby, primary, redis, s3]) await one.stop();
      await disk?.close();
    },
  };
}

/** It may be starting again by itself, or have ended. */
async function revive(primary: TestPostgres): Promise<void> {
  for (let tries = 0; tries < 20; tries++) {
    const answers = await primary.query('SELECT 1').then(
      () => true,
      () => false,
    );
    if (answers) return;
    await systemClock.sleep(100);
  }
  await primary.kill();
  await primary.start();
}

async function startPair(
  settings: readonly string[],
  parent: string | undefined,
): Promise<readonly [TestPostgres, TestPostgres]> {
  const primary = await startTestPostgres({ settings, ...(parent === undefined ? {} : { parent }) });
  const standby = await startTestPostgres({ settings, standbyOf: primary });
  // A commit waits until the standby has it: what is acknowledged survives the primary.
  await primary.query("ALTER SYSTEM SET synchronous_standby_names = '*'");
  await primary.query('SELECT pg_reload_conf()');
  return [primary, standby];
}
