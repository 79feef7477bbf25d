/** Several nodes on one queue, and engines that fail: against a real server. */
import { type Clock, type Logger, type QueueStore, systemClock } from '@postroad/core';
import { sampleMessage } from '@postroad/core/testing';
import { migrate, openPostgres, type Postgres } from '@postroad/postgres';
import { postgresMissing, startTestPostgres, type TestPostgres } from '@postroad/postgres/testing';
import { openPostgresQueueStore, queuePostgresMigrations } from '@postroad/queue-postgres';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openCutProxy } from './cut-proxy.js';
import { handClock } from './hand-clock.js';

const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const limits = {
  tls: 'none',
  connectionsMax: 6,
  connectTimeoutMs: 20_000,
  statementTimeoutMs: 20_000,
} as const;

if (postgresMissing !== undefined) console.warn(`SKIPPED: ${postgresMissing}`);

function schemaOf(url: string): string {
  return /search_path%3D(\w+)/.exec(url)?.[1] ?? 'public';
}

describe.skipIf(postgresMissing !== undefined)('nodes that share a queue', () => {
  let server: TestPostgres;
  let url: string;
  const stores: QueueStore[] = [];
  const connect = (to = url): Postgres =>
    openPostgres({ ...limits, url: to, name: 'test' }, { clock: systemClock, log });
  const nowMs = (): number => systemClock.now();
  const leaseOf = (owner: string) => ({ owner, untilMs: nowMs() + 3_600_000, token: `${owner}-1` });

  interface NodeOptions {
    readonly nodeTimeoutMs?: number;
    readonly to?: string;
    readonly clock?: Clock;
  }
  async function node(name: string, options: NodeOptions = {}): Promise<QueueStore> {
    const { nodeTimeoutMs = 60_000, to, clock = systemClock } = options;
    const store = openPostgresQueueStore({ database: connect(to), clock, log, node: name, nodeTimeoutMs });
    stores.push(store);
    await store.start(name, nowMs());
    return store;
  }
  const message = (id: string, more: Parameters<typeof sampleMessage>[2] = {}) =>
    sampleMessage(id, [{ to: 'bob@b.test' }], { receivedAtMs: nowMs(), ...more });

  beforeAll(async () => {
    server = await startTestPostgres();
  });
  afterAll(() => server?.stop());
  beforeEach(async () => {
    url = await server.url();
    const database = connect();
    await migrate(database, 'queue-postgres', queuePostgresMigrations);
    await database.close();
  });
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close();
  });

  it('give every recipient to one of them', async () => {
    const [a, b] = [await node('a'), await node('b')];
    await Promise.all(Array.from({ length: 100 }, (_, at) => a.put(message(`m${at + 100}`))));
    const asks = Array.from({ length: 10 }, async (_, at) => {
      const [store, owner] = at % 2 === 0 ? ([a, 'a'] as const) : ([b, 'b'] as const);
      return await store.lease({ nowMs: nowMs(), limit: 20, lease: leaseOf(owner) });
    });
    const given = (await Promise.all(asks)).flat().map((one) => one.messageId);
    const rest = await a.lease({ nowMs: nowMs(), limit: 100, lease: leaseOf('a') });
    const all = [...given, ...rest.map((one) => one.messageId)];
    expect(all).toHaveLength(100);
    expect(new Set(all).size).toBe(100);
  });

  it('pass over what another is just taking, without waiting for it', async () => {
    const [a, database] = [await node('a'), connect()];
    for (const id of ['m1', 'm2', 'm3']) await a.put(message(id));
    const taking = await database.connect();
    await taking.query('BEGIN');
    await taking.query("SELECT 1 FROM postroad_queue_recipients WHERE message_id = 'm2' FOR UPDATE");
    const leased = await a.lease({ nowMs: nowMs(), limit: 10, lease: leaseOf('a') });
    expect(leased.map((one) => one.messageId).sort()).toEqual(['m1', 'm3']);
    await taking.query('ROLLBACK');
    expect(await a.lease({ nowMs: nowMs(), limit: 10, lease: leaseOf('a') })).toHaveLength(1);
    await taking.end();
    await database.close();
  });

  it('keep what they hold although their clocks are hours apart', async () => {
    const clockOff = (ms: number): Clock => ({ ...systemClock, now: () => systemClock.now() + ms });
    const [late, early] = [clockOff(-7_200_000), clockOff(7_200_000)];
    const [a, b] = [await node('a', { clock: late }), await node('b', { clock: early })];
    const lease = (clock: Clock, owner: string) => ({
      owner,
      untilMs: clock.now() + 600_000,
      token: `${owner}-1`,
    });
    await a.put(message('m1', { receivedAtMs: late.now() }), lease(late, 'a'));
    await a.put(message('m2', { receivedAtMs: late.now() }));
    expect(await a.lease({ nowMs: late.now(), limit: 10, lease: lease(late, 'a') })).toHaveLength(1);
    expect(await b.lease({ nowMs: early.now(), limit: 10, lease: lease(early, 'b') })).toEqual([]);
    // The end of a lease is one moment for all.
    await server.query(`UPDATE ${schemaOf(url)}.postroad_queue_leased
      SET lease_ends_ms = extract(epoch FROM now()) * 1000 - 1 WHERE message_id = 'm1'`);
    const again = await a.lease({ nowMs: late.now() + 2_000, limit: 10, lease: lease(late, 'a') });
    expect(again.map((one) => one.messageId)).toEqual(['m1']);
  });

  it('count each other, so that all together keep to the limits', async () => {
    const a = await node('a', { nodeTimeoutMs: 2_000 });
    const b = await node('b', { nodeTimeoutMs: 2_000 });
    expect(b.sharers?.()).toBe(2);
    await expect.poll(() => a.sharers?.()).toBe(2);
    await stores.pop()?.close();
    await expect.poll(() => a.sharers?.()).toBe(1);
  });

  it('hear of work that another could not keep for itself', async () => {
    const [a, b] = [await node('a'), await node('b')];
    let heard = 0;
    const stop = b.onWork?.(() => heard++);
    await expect
      .poll(async () => {
        await a.put(message(`m${systemClock.monotonic()}`));
        return heard;
      })
      .toBeGreaterThan(0);
    stop?.();
  });

  it('take over what a node held that is silent; it can not settle it any more', async () => {
    // It does not say that it is there before it is woken.
    const { clock: standing, turn } = handClock();
    const paused = await node('paused', { nodeTimeoutMs: 4_000, clock: standing });
    const held = await paused.put(message('m1'), leaseOf('paused'));
    expect(paused.isHeld?.(held)).toBe(true);
    const other = await node('other', { nodeTimeoutMs: 4_000 });
    const lease = leaseOf('other');
    let taken: Awaited<ReturnType<QueueStore['lease']>> = [];
    await expect
      .poll(async () => {
        taken = [...taken, ...(await other.lease({ nowMs: nowMs(), limit: 10, lease }))];
        return taken.length;
      })
      .toBe(1);
    expect(paused.isHeld?.(held)).toBe(false);
    expect(taken[0]).toMatchObject({ attempts: 2, unsettledAttempts: 2 });
    // Awake it is among the nodes again, and what it held is not its own all the same.
    await turn();
    expect([paused.isHeld?.([]), paused.isHeld?.(held)]).toEqual([true, false]);
    await paused.settle('paused', [{ messageId: 'm1', index: 0, to: 'done', leaseToken: 'paused-1' }]);
    expect((await other.count()).byState.leased).toBe(1);
    await other.settle('other', [{ messageId: 'm1', index: 0, to: 'done', leaseToken: 'other-1' }]);
    expect(await other.count()).toMatchObject({ messages: 0, recipients: 0 });
  });

  it('keep what they hold when the database was away from all of them, however long', async () => {
    const [a, b] = [handClock(), handClock()];
    const first = await node('a', { nodeTimeoutMs: 4_000, clock: a.clock });
    const second = await node('b', { nodeTimeoutMs: 4_000, clock: b.clock });
    const held = await first.put(message('m1'), leaseOf('a'));
    // An hour in which nobody could say that it is there; the second node comes back before the first.
    await server.query(
      `UPDATE ${schemaOf(url)}.postroad_queue_nodes SET seen_at = now() - interval '1 hour'`,
    );
    for (const one of [a, b]) one.jump(3_600_000);
    expect(first.isHeld?.(held)).toBe(false);
    await b.turn();
    await a.turn();
    expect(first.isHeld?.(held)).toBe(true);
    expect(await second.lease({ nowMs: nowMs(), limit: 10, lease: leaseOf('b') })).toEqual([]);
    await first.settle('a', [{ messageId: 'm1', index: 0, to: 'done', leaseToken: 'a-1' }]);
    expect(await second.count()).toMatchObject({ messages: 0, recipients: 0 });
    // Its patience has an end: then who is silent is gone.
    await first.put(message('m2'), leaseOf('a'));
    await server.query(
      `UPDATE ${schemaOf(url)}.postroad_queue_nodes SET seen_at = now() - interval '1 hour' WHERE owner = 'a'`,
    );
    for (let turns = 0; turns < 3; turns++) {
      b.jump(1_000);
      await b.turn();
    }
    expect(await second.lease({ nowMs: nowMs(), limit: 10, lease: leaseOf('b') })).toHaveLength(1);
  });

  it('get back at once what a node held that says goodbye', async () => {
    const a = await node('a');
    await a.put(message('m1'), leaseOf('a'));
    const b = await node('b');
    await stores.shift()?.close();
    expect(await b.lease({ nowMs: nowMs(), limit: 10, lease: leaseOf('b') })).toHaveLength(1);
  });

  it('settle the last two recipients of a message at once, and the message is gone', async () => {
    const [a, b] = [await node('a'), await node('b')];
    for (let round = 0; round < 10; round++) {
      const id = `m${round}`;
      await a.put(sampleMessage(id, [{ to: 'x@b.test' }, { to: 'y@b.test' }], { receivedAtMs: nowMs() }));
      const [one] = await a.lease({ nowMs: nowMs(), limit: 1, lease: leaseOf('a') });
      const [two] = await b.lease({ nowMs: nowMs(), limit: 1, lease: leaseOf('b') });
      await Promise.all([
        a.settle('a', [{ messageId: id, index: one?.index ?? -1, to: 'done' }]),
        b.settle('b', [{ messageId: id, index: two?.index ?? -1, to: 'done' }]),
      ]);
      expect(await a.message(id)).toBeUndefined();
      expect(await a.count()).toMatchObject({ messages: 0, recipients: 0 });
    }
  });

  it('lose no message and accept none twice when the answer to a commit is lost', async () => {
    const wire = await openCutProxy(server.port);
    const a = await node('a', { to: url.replace(`:${server.port}/`, `:${wire.port}/`) });
    wire.loseAnswers();
    const put = a.put(message('m1'));
    await wire.lost;
    wire.cut();
    await put;
    expect(await a.count()).toMatchObject({ messages: 1, recipients: 1 });
    await expect(a.put(message('m1'))).rejects.toMatchObject({ code: 'E_QUEUE_STORE' });
    await stores.shift()?.close();
    await wire.close();
  });

  it('put a DSN in once although the answer to its settlement was lost', async () => {
    const wire = await openCutProxy(server.port);
    const a = await node('a', { to: url.replace(`:${server.port}/`, `:${wire.port}/`) });
    await a.put(message('m1'), leaseOf('a'));
    const settled = () => a.settle('a', [{ messageId: 'm1', index: 0, to: 'done' }], [message('dsn')]);
    wire.loseAnswers();
    const first = settled();
    await wire.lost;
    wire.cut();
    await expect(first).rejects.toMatchObject({ code: 'E_QUEUE_STORE' });
    // The scheduler asks again until it is told that it was done.
    await settled();
    const { recipients } = await a.range({}, { limit: 10 });
    expect(recipients.map((one) => one.messageId)).toEqual(['dsn']);
    await stores.shift()?.close();
    await wire.close();
  });

  it('refuse while the server is away, read-only or full of connections, and take mail when it is well', async () => {
    const role = 'CREATE ROLE few LOGIN SUPERUSER';
    await server.query(role);
    const a = await node('a', { to: url.replace('postroad@', 'few@') });
    const refused = { code: 'E_QUEUE_STORE' };
    const taken = (id: string) =>
      a.put(message(id)).then(
        () => true,
        () => false,
      );
    await server.kill();
    await expect(a.put(message('m1'))).rejects.toMatchObject(refused);
    await server.start();
    await expect.poll(() => taken('m2')).toBe(true);
    const settings = [
      'ALTER ROLE few SET default_transaction_read_only = on',
      'ALTER ROLE few NOSUPERUSER CONNECTION LIMIT 0',
    ];
    for (const [at, setting] of settings.entries()) {
      await server.query(setting);
      await server.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'few'");
      await expect.poll(() => taken(`no${at}${systemClock.monotonic()}`)).toBe(false);
    }
    await server.query(
      'ALTER ROLE few RESET default_transaction_read_only; ALTER ROLE few SUPERUSER CONNECTION LIMIT -1',
    );
    await expect.poll(() => taken('m3')).toBe(true);
    const { recipients } = await a.range({}, { limit: 10 });
    expect(recipients.map((one) => one.messageId)).toEqual(expect.arrayContaining(['m2', 'm3']));
    expect(recipients.map((one) => one.messageId)).not.toContain('m1');
  });
});
