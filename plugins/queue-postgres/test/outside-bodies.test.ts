/** Large bodies of the queue outside of its database, and a sweep that may run at any moment. */
import {
  Bodies,
  type Clock,
  definePlugin,
  type Logger,
  MailError,
  type PluginUse,
  readBody,
  systemClock,
} from '@postroad/core';
import { bodyNotInMemory, createSeededRandom, sampleMessage, startTestMta } from '@postroad/core/testing';
import { migrate, openPostgres, type Postgres } from '@postroad/postgres';
import { postgresMissing, startTestPostgres, type TestPostgres } from '@postroad/postgres/testing';
import {
  openPostgresQueueStore,
  queuePostgres,
  queuePostgresMigrations,
  sweepOutside,
} from '@postroad/queue-postgres';
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

  it('keeps a large body in parts in the database otherwise, read by range, and gone with its message', async () => {
    const url = await server.url();
    const connect = (): Postgres =>
      openPostgres({ ...limits, url, name: 'test' }, { clock: systemClock, log });
    const database = connect();
    await migrate(database, 'queue-postgres', queuePostgresMigrations);
    const node = async (name: string) => {
      const from = { clock: systemClock, log, node: name, nodeTimeoutMs: 60_000 };
      const store = openPostgresQueueStore({ ...from, database: connect() });
      await store.start(name, nowMs());
      return store;
    };
    const a = await node('a');
    const octets = Buffer.alloc(2_500_000);
    const random = createSeededRandom(7);
    for (let at = 0; at < octets.length; at += 4)
      octets.writeUInt32LE(Math.floor(random.number() * 2 ** 32), at);
    octets.write('Subject: large\r\n\r\n');
    const large = message('m1');
    const body = bodyNotInMemory(octets);
    await a.put({ ...large, body }, lease);
    // A start sweeps old parts of messages that are not there, none of those that are, and none that are still coming.
    await database.run("UPDATE postroad_queue_chunks SET kept_at = now() - interval '2 hours'");
    await database.run(`INSERT INTO postroad_queue_chunks (message_id, part, octets, kept_at) VALUES
      ('dead', 0, 'x', now() - interval '2 hours'), ('coming', 0, 'x', now())`);
    await (await node('b')).close();
    const others = "SELECT message_id FROM postroad_queue_chunks WHERE message_id <> 'm1'";
    expect(await database.query(others)).toEqual([{ message_id: 'coming' }]);
    await database.run("DELETE FROM postroad_queue_chunks WHERE message_id = 'coming'");
    const kept = (await a.message('m1'))?.body;
    expect(kept).toMatchObject({ sizeBytes: octets.length, headerSizeBytes: 18 });
    expect(Buffer.from(kept?.headerBytes ?? []).toString()).toBe('Subject: large\r\n\r\n');
    expect((await readBody(kept as never, 3_000_000)).equals(octets)).toBe(true);
    const pieces: Uint8Array[] = [];
    for await (const piece of kept?.open({ start: 1_048_570, end: 1_048_590 }) ?? []) pieces.push(piece);
    expect(Buffer.concat(pieces).equals(octets.subarray(1_048_570, 1_048_590))).toBe(true);
    await a.settle('a', [{ messageId: 'm1', index: 0, to: 'done' }]);
    expect(await database.query('SELECT 1 FROM postroad_queue_chunks')).toEqual([]);
    await a.close();
    await database.close();
  });

  it('sweeps by itself, and does not start without what keeps bodies', async () => {
    const url = await server.url();
    const removed: string[] = [];
    const keeper = definePlugin({
      name: 'keeper',
      provides: [Bodies],
      setup: ({ provide }) =>
        provide(Bodies, {
          write: async () => undefined,
          read: () => expect.unreachable('nothing is read'),
          remove: async (name) => void removed.push(name),
        }),
    });
    let sweep: (() => void) | undefined;
    // What waits for a quarter of an hour is run by hand.
    const after: Clock['after'] = (ms, run) => {
      if (ms !== 900_000) return systemClock.after(ms, run);
      sweep = run;
      return { cancel: () => undefined };
    };
    const queue = queuePostgres({ url, migrates: true, connectionsMax: 3, largeBodies: 'outside' });
    const start = (...more: PluginUse[]) =>
      startTestMta({ listeners: [], clock: { ...systemClock, after }, plugins: [queue, ...more] });
    await expect(start()).rejects.toMatchObject({ code: 'E_CONFIG' });
    const mta = await start(keeper());
    const database = openPostgres({ ...limits, url, name: 'test' }, { clock: systemClock, log });
    const insert = 'INSERT INTO postroad_queue_blobs (blob, message_id, kept_at) VALUES';
    for (let round = 1; round <= 2; round++) {
      await database.run(`${insert} ($1, 'gone', now() - interval '2 hours'), ($2, 'gone', now())`, [
        `old${round}`,
        `new${round}`,
      ]);
      const due = sweep;
      sweep = undefined;
      due?.();
      await expect.poll(() => removed.length).toBe(round);
      // The next one is to come.
      await expect.poll(() => sweep !== undefined).toBe(true);
    }
    expect(removed).toEqual(['old1', 'old2']);
    await mta.stop();
    await database.close();
  });
});
