/** Large bodies of the queue outside of its database, and a sweep that may run at any moment. */
import { type Bodies, type Logger, MailError, readBody, systemClock } from '@postroad/core';
import { bodyNotInMemory, sampleMessage } from '@postroad/core/testing';
import { migrate, openPostgres, type Postgres } from '@postroad/postgres';
import { postgresMissing, startTestPostgres, type TestPostgres } from '@postroad/postgres/testing';
import { openPostgresQueueStore, queuePostgresMigrations, sweepOutside } from '@postroad/queue-postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const limits = {
  tls: 'none',
  connectionsMax: 4,
  connectTimeoutMs: 20_000,
  statementTimeoutMs: 20_000,
} as const;
if (postgresMissing !== undefined) console.warn(`SKIPPED: ${postgresMissing}`);

describe.skipIf(postgresMissing !== undefined)('a queue with bodies outside of its database', () => {
  let server: TestPostgres;
  const nowMs = (): number => systemClock.now();
  const message = (id: string) => sampleMessage(id, [{ to: 'bob@b.test' }], { receivedAtMs: nowMs() });
  const lease = { owner: 'a', untilMs: nowMs() + 3_600_000, token: 'a-1' };
  beforeAll(async () => {
    server = await startTestPostgres();
  });
  afterAll(() => server?.stop());

  it('keeps a large body outside, and sweeps only what no message refers to', async () => {
    const kept = new Map<string, Uint8Array>();
    let isAway = false;
    const url = await server.url();
    const connect = (): Postgres =>
      openPostgres({ ...limits, url, name: 'test' }, { clock: systemClock, log });
    const database = connect();
    await migrate(database, 'queue-postgres', queuePostgresMigrations);
    const outside: Bodies = {
      async write(name, body) {
        if (isAway) throw new MailError('E_BODIES', 'not now');
        const pieces: Uint8Array[] = [];
        for await (const piece of body.open()) pieces.push(Uint8Array.from(piece));
        kept.set(name, Buffer.concat(pieces));
      },
      async *read(name, { start, end }) {
        yield (kept.get(name) as Uint8Array).subarray(start, end);
      },
      async remove(name) {
        kept.delete(name);
      },
    };
    const store = openPostgresQueueStore({
      database: connect(),
      clock: systemClock,
      log,
      node: 'a',
      nodeTimeoutMs: 60_000,
      bodies: () => outside,
      isOutside: true,
    });
    await store.start('a', nowMs());
    const octets = Buffer.from(`Subject: large\r\n\r\n${'y'.repeat(200_000)}`);
    const body = bodyNotInMemory(octets);
    await store.put({ ...message('m1'), body }, lease);
    expect([...kept.keys()]).toEqual([expect.stringMatching(new RegExp(`^queue/${body.sha256}/m1-`))]);
    expect(await database.query('SELECT 1 FROM postroad_queue_chunks')).toEqual([]);
    const read = (await store.message('m1'))?.body;
    expect((await readBody(read as never, 300_000)).equals(octets)).toBe(true);
    expect(await sweepOutside(database, outside, 0)).toBe(0);
    // The sweep takes a body between its upload and its message: the message is refused, and nothing is left of it.
    const { write } = outside;
    outside.write = async (name, from) => {
      await write(name, from);
      expect(await sweepOutside(database, outside, 0)).toBe(1);
    };
    await expect(store.put({ ...message('m2'), body })).rejects.toMatchObject({ code: 'E_QUEUE_STORE' });
    expect(await store.message('m2')).toBeUndefined();
    outside.write = write;
    isAway = true;
    await expect(store.put({ ...message('m3'), body })).rejects.toMatchObject({ code: 'E_QUEUE_STORE' });
    await store.put(message('small'));
    await store.settle('a', [{ messageId: 'm1', index: 0, to: 'done' }]);
    expect(await sweepOutside(database, outside, 3_600_000)).toBe(0);
    expect(await sweepOutside(database, outside, 0)).toBe(2);
    expect(kept.size).toBe(0);
    await store.close();
    await database.close();
  });
});
