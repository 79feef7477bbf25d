/**
 * Nodes and their engines: large bodies of the queue in a real S3-compatible service, and a node that the network keeps
 * from S3 and from Redis.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { bodiesS3 } from '@postroad/bodies-s3';
import { Bodies, definePlugin, type Logger, readBody, systemClock } from '@postroad/core';
import { bodyNotInMemory, createTestMetrics, sampleMessage, startTestMta } from '@postroad/core/testing';
import { createRedisCounters } from '@postroad/counters-redis';
import { migrate, openPostgres, type Postgres } from '@postroad/postgres';
import {
  askOf,
  type CutWire,
  networkMissing,
  openCutNetwork,
  postgresMissing,
  startTestPostgres,
  type TestPostgres,
} from '@postroad/postgres/testing';
import { openPostgresQueueStore, queuePostgresMigrations, sweepOutside } from '@postroad/queue-postgres';
import { openRedis } from '@postroad/redis';
import { redisMissing, startTestRedis } from '@postroad/redis/testing';
import { s3Missing, startTestS3, type TestS3 } from '@postroad/s3/testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const missing = postgresMissing ?? s3Missing;
if (missing !== undefined) console.warn(`SKIPPED: ${missing}`);
const netMissing = redisMissing ?? networkMissing();
if (netMissing !== undefined) console.warn(`SKIPPED: ${netMissing}`);
const nodeProgram = fileURLToPath(new URL('./cut-node.mjs', import.meta.url));
const limits = {
  tls: 'none',
  connectionsMax: 4,
  connectTimeoutMs: 20_000,
  statementTimeoutMs: 20_000,
} as const;
const octets = Buffer.from(`Subject: large\r\n\r\n${'0123456789abcdef'.repeat(400_000)}`);

describe.skipIf(missing !== undefined)('large bodies in S3', () => {
  let database: TestPostgres;
  let service: TestS3;
  let url: string;
  let mta: Awaited<ReturnType<typeof startTestMta>>;
  let bodies: Bodies;
  const connect = (): Postgres => openPostgres({ ...limits, url, name: 'test' }, { clock: systemClock, log });
  const node = (name: string) =>
    openPostgresQueueStore({
      database: connect(),
      clock: systemClock,
      log,
      node: name,
      nodeTimeoutMs: 60_000,
      bodies: () => bodies,
      isOutside: true,
    });

  beforeAll(async () => {
    [database, service] = await Promise.all([startTestPostgres(), startTestS3()]);
    url = await database.url();
    const probe = definePlugin({
      name: 'probe',
      needs: { bodies: Bodies },
      setup({ services }) {
        bodies = services.bodies;
      },
    });
    mta = await startTestMta({
      listeners: [],
      plugins: [bodiesS3(service.options({ partBytes: 5 * 1_048_576 })), probe()],
    });
  });
  afterAll(async () => {
    await mta?.stop();
    await service?.stop();
    await database?.stop();
  });

  it('stay there until their message is done, for every node', async () => {
    const tables = connect();
    await migrate(tables, 'queue-postgres', queuePostgresMigrations);
    const [a, b] = [node('a'), node('b')];
    const nowMs = systemClock.now();
    await a.start('a', nowMs);
    await b.start('b', nowMs);
    const message = sampleMessage('m1', [{ to: 'bob@b.test' }], { receivedAtMs: nowMs });
    await a.put({ ...message, body: bodyNotInMemory(octets) });
    expect(await tables.query('SELECT 1 FROM postroad_queue_chunks')).toEqual([]);
    const [row] = await tables.query<{ blob: string }>('SELECT blob FROM postroad_queue_blobs');
    const name = row?.blob ?? '';

    const read = (await b.message('m1'))?.body;
    expect(read?.sizeBytes).toBe(octets.length);
    expect((await readBody(read as never, 8_000_000)).equals(octets)).toBe(true);
    expect(await sweepOutside(tables, bodies, 0)).toBe(0);
    const pieces: Uint8Array[] = [];
    for await (const piece of bodies.read(name, { start: 0, end: 14 })) pieces.push(piece);
    expect(Buffer.concat(pieces).toString()).toBe('Subject: large');

    const lease = { owner: 'b', untilMs: nowMs + 600_000, token: 'b-1' };
    expect(await b.lease({ nowMs, limit: 10, lease })).toHaveLength(1);
    await b.settle('b', [{ messageId: 'm1', index: 0, to: 'done', leaseToken: 'b-1' }]);
    expect(await sweepOutside(tables, bodies, 0)).toBe(1);
    const gone = async () => {
      for await (const piece of bodies.read(name, { start: 0, end: 14 })) return piece;
      return undefined;
    };
    await expect(gone()).rejects.toMatchObject({ code: 'E_BODIES' });
    await a.close();
    await b.close();
    await tables.close();
  });

  it.skipIf(netMissing !== undefined)(
    'are not the only thing a node needs: cut off from S3 and Redis it goes on alone, loses nothing, and comes back',
    async () => {
      const redis = await startTestRedis();
      const shared = openRedis({ url: redis.url, name: 'test', commandTimeoutMs: 20_000 }, log);
      const network = await openCutNetwork(Number(new URL(redis.url).port), service.port, database.port);
      const [toRedis, toS3, toDatabase] = network.wires as [CutWire, CutWire, CutWire];
      const at = ({ host, port }: CutWire) => `${host}:${port}`;
      const given = {
        redis: `redis://${at(toRedis)}/0`,
        s3: service.options({ endpoint: `http://${at(toS3)}` }),
        database: (await database.url()).replace(`127.0.0.1:${database.port}`, at(toDatabase)),
      };
      const [command = '', ...args] = [
        ...network.prefix,
        process.execPath,
        nodeProgram,
        JSON.stringify(given),
      ];
      const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
      const ask = askOf(child);
      try {
        expect(await shared.whenReady(20_000)).toBe(true);
        const options = { redis: shared, clock: systemClock, log, metrics: createTestMetrics() };
        const other = createRedisCounters({ ...options, prefix: 'postroad:', onAway: 'fail' });
        const takes = async (key: string) =>
          (await other.take(key, { units: 1, perMs: 3_600_000 })).isAllowed;
        expect([await ask('take a'), await takes('a')]).toEqual(['yes', false]);
        expect(await ask('large one')).toBe('filed');

        for (const wire of [toRedis, toS3]) wire.cut(true);
        const late = ask('large two');
        expect([await ask('take b'), await ask('take b'), await takes('b')]).toEqual(['yes', 'no', true]);
        expect(await ask('away')).toBe('1');
        expect(await late).toMatch(/^E_MAILBOX_STORE/);
        expect(await ask('small three')).toBe('filed');

        for (const wire of [toRedis, toS3]) wire.cut(false);
        await expect.poll(() => ask('large four'), { timeout: 60_000 }).toBe('filed');
        let round = 0;
        const isShared = async () => (await ask(`take c${++round}`)) === 'yes' && !(await takes(`c${round}`));
        await expect.poll(isShared, { timeout: 60_000 }).toBe(true);
        expect(await ask('away')).toBe('0');
        const subjects = (await ask('subjects')).split(' ');
        expect(subjects.filter((subject) => subject !== 'four')).toEqual(['one', 'three']);
      } finally {
        child.kill('SIGKILL');
        if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
        shared.close();
        await network.close();
        await redis.stop();
      }
    },
  );
});
