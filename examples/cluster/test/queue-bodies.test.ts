/** Large bodies of the queue in a real S3-compatible service: written by parts, read by another node, and swept. */

import { bodiesS3 } from '@postroad/bodies-s3';
import { Bodies, definePlugin, type Logger, readBody, systemClock } from '@postroad/core';
import { bodyNotInMemory, sampleMessage, startTestMta } from '@postroad/core/testing';
import { migrate, openPostgres, type Postgres } from '@postroad/postgres';
import { postgresMissing, startTestPostgres, type TestPostgres } from '@postroad/postgres/testing';
import { openPostgresQueueStore, queuePostgresMigrations, sweepOutside } from '@postroad/queue-postgres';
import { s3Missing, startTestS3, type TestS3 } from '@postroad/s3/testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const missing = postgresMissing ?? s3Missing;
if (missing !== undefined) console.warn(`SKIPPED: ${missing}`);
const limits = {
  tls: 'none',
  connectionsMax: 4,
  connectTimeoutMs: 20_000,
  statementTimeoutMs: 20_000,
} as const;
const octets = Buffer.from(`Subject: large\r\n\r\n${'0123456789abcdef'.repeat(400_000)}`);

describe.skipIf(missing !== undefined)('a queue whose large bodies are in S3', () => {
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

  it('keeps them there until their message is done, for every node', async () => {
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
});
