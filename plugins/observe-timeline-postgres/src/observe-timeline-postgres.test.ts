/** The timeline of two nodes in a real PostgreSQL. */
import {
  accept,
  definePlugin,
  type HistoryRecord,
  type Logger,
  MessageHistory,
  reply,
  systemClock,
} from '@postroad/core';
import { startTestMta } from '@postroad/core/testing';
import { openPostgres } from '@postroad/postgres';
import { postgresMissing, startTestPostgres, type TestPostgres } from '@postroad/postgres/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { observeTimelinePostgres } from './observe-timeline-postgres.js';
import { turn } from './write.js';

if (postgresMissing !== undefined) console.warn(`SKIPPED: ${postgresMissing}`);

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const schemaOf = (url: string): string => new URL(url).searchParams.get('options')?.split('=').at(-1) ?? '';

const world = definePlugin({
  name: 'deliver-world',
  setup({ tap }) {
    tap('recipient', () => accept());
    tap('route', (_envelope, { address }) => ({ transport: 'mx', domain: address.domain }));
    tap('deliver', ({ recipients }) => ({
      transcript: ['> RCPT TO:<x>', '< 550 5.1.1 nobody \u0000 here'],
      outcomes: recipients.map(({ index }) => ({
        index,
        status: 'failed',
        reply: reply(550, '1.1', 'nobody'),
      })),
    }));
  },
});

describe.skipIf(postgresMissing !== undefined)('the timeline of several nodes', () => {
  let server: TestPostgres;
  let url: string;
  const stops: (() => Promise<unknown>)[] = [];
  beforeAll(async () => {
    server = await startTestPostgres();
  });
  afterAll(() => server?.stop());
  beforeEach(async () => {
    url = await server.url();
  });
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
  });

  async function node(name: string) {
    let history: MessageHistory | undefined;
    const probe = definePlugin({
      name: 'probe',
      needs: { history: MessageHistory },
      setup({ services }) {
        history = services.history;
      },
    });
    const keeping = observeTimelinePostgres({ url, node: name, migrates: true, connectTimeoutMs: 20_000 });
    const { mta, stop } = await startTestMta({ plugins: [world(), keeping, probe()] });
    stops.push(stop);
    return { mta, stop, history: history as unknown as MessageHistory };
  }
  const atMs = systemClock.now();
  const first = (
    messageId: string,
    sender: string,
    messageIdField = `<${messageId}@x.test>`,
  ): HistoryRecord => ({
    messageId,
    head: { reversePath: sender, messageIdField },
    entry: { atMs, event: 'queued', detail: 'by esmtp from 192.0.2.1' },
  });
  const later = (
    messageId: string,
    event: string,
    afterMs: number,
    recipient = 'Bob@Far.test',
  ): HistoryRecord => ({
    messageId,
    entry: { atMs: atMs + afterMs, event, recipient, reply: '451 4.7.1 later' },
  });
  const told = async ({ history }: { readonly history: MessageHistory }, query: string) =>
    (await history.find(query, 10)).map(({ messageId, entries }) => [
      messageId,
      ...entries.map(({ event, node: at }) => `${event}@${at}`),
    ]);

  it('is one, whoever handled the message and whoever is asked', async () => {
    const [a, b] = [await node('a'), await node('b')];
    a.history.add(first('m1', 'Alice@near.test', '<Unique@x.test>'));
    a.history.add(later('m1', 'deferred', 10));
    expect(await told(a, 'm1')).toEqual([['m1', 'queued@a', 'deferred@a']]);
    b.history.add(later('m1', 'attempt', 20));
    b.history.add(later('m1', 'delivered', 30));
    b.history.add(first('m2', 'alice@near.test'));
    const story = ['m1', 'queued@a', 'deferred@a', 'attempt@b', 'delivered@b'];
    for (const query of ['m1', 'M1', 'unique@x.test', '<Unique@x.test>', ' bob@far.TEST'])
      expect(await told(b, query), query).toEqual([story]);
    expect(await told(a, 'm1')).toEqual([story]);
    // The newest message first; both are hers, though only one was last heard of.
    expect((await told(a, 'alice@near.test')).map(([id]) => id).sort()).toEqual(['m1', 'm2']);
    for (const query of ['', ' ', '\u0000', "' OR true --", '%', 'unique'])
      expect(await told(a, query), query).toEqual([]);
    const [trace] = await a.history.find('m1', 10);
    expect(trace).toMatchObject({ reversePath: 'Alice@near.test', messageIdField: '<Unique@x.test>' });
  });

  it('tells of real mail, over a restart, and needs its tables', async () => {
    const a = await node('a');
    const { id } = await a.mta.submit(
      { reversePath: 'alice@near.test', recipients: ['bob@far.test'] },
      'Message-ID: <1@near.test>\r\n\r\nhello\r\n',
    );
    await expect.poll(async () => (await a.mta.queue.trace(id))[0]?.entries.at(-1)?.event).toBe('bounced');
    await a.stop();
    const b = await node('b');
    const [trace] = await b.mta.queue.trace('1@near.test');
    expect(trace?.entries.map(({ event }) => event)).toEqual(['queued', 'attempt', 'failed', 'bounced']);
    expect(trace?.entries[1]?.transcript?.[1]).toBe('< 550 5.1.1 nobody \u0000 here');
    const other = observeTimelinePostgres({ url: await server.url() });
    await expect(startTestMta({ plugins: [other] })).rejects.toThrow(/run `postroad migrate`/);
  });

  it('keeps what comes while the database is away, and hostile octets harm nothing', async () => {
    const a = await node('a');
    const long = 'x'.repeat(5_000);
    a.history.add(first('m0', `\u0000${long}@near.test`, `<\ud800${long}>`));
    expect(await told(a, `${long}@near.test`)).toEqual([['m0', 'queued@a']]);
    await server.kill();
    a.history.add(first('m3', 'alice@near.test'));
    await expect(a.history.find('m3', 10)).rejects.toThrow();
    a.history.add(later('m3', 'delivered', 5));
    await server.start();
    await expect.poll(() => told(a, 'm3'), { timeout: 20_000 }).toEqual([['m3', 'queued@a', 'delivered@a']]);
    // A commit whose answer was lost is made again: it is told once.
    const schema = schemaOf(url);
    await server.query(`INSERT INTO ${schema}.postroad_timeline SELECT * FROM ${schema}.postroad_timeline`);
    expect(await told(a, 'm3')).toEqual([['m3', 'queued@a', 'delivered@a']]);
  });

  it('is bounded by octets and by time', async () => {
    const a = await node('a');
    const schema = schemaOf(url);
    const options = { url, tls: 'none', connectionsMax: 1, name: 'test' } as const;
    const database = openPostgres(
      { ...options, connectTimeoutMs: 20_000, statementTimeoutMs: 20_000 },
      { clock: systemClock, log: silent },
    );
    stops.push(() => database.close());
    const turned = async (): Promise<void> => {
      // Asking writes what waits.
      await a.history.find('x', 1);
      await turn(database, { octetsMax: 1_048_576, keptMs: 80_000_000 });
    };
    const fill = (name: string): void => {
      for (let at = 0; at < 150; at++) {
        const entry = { ...later('x', 'deferred', at).entry, detail: `${at}`.padEnd(900, `${name}${at}`) };
        a.history.add({ messageId: `${name}${at}`, entry });
      }
    };
    a.history.add(first('old', 'alice@near.test'));
    for (let round = 0; round < 7; round++) {
      fill(`r${round}-`);
      await turned();
    }
    expect(await told(a, 'old')).toEqual([['old', 'queued@a']]);
    fill('r7-');
    await turned();
    expect(await told(a, 'old')).toEqual([]);
    expect(await told(a, 'r7-1')).toHaveLength(1);
    const [size] = await server.query(
      `SELECT sum(pg_total_relation_size(oid))::int AS octets FROM pg_class
       WHERE relnamespace = '${schema}'::regnamespace AND relkind = 'r'`,
    );
    expect(size?.octets).toBeLessThan(8 * 1_048_576);
    // After a rest of three quarters of the time only the last quarter is left; after all of it nothing.
    await server.query(`UPDATE ${schema}.postroad_timeline_now SET since = now() - interval '60000 seconds'`);
    await turned();
    expect(await told(a, 'r1-1')).toEqual([]);
    expect(await told(a, 'r7-1')).toHaveLength(1);
    await server.query(`UPDATE ${schema}.postroad_timeline_now SET since = now() - interval '90000 seconds'`);
    await turned();
    expect(await told(a, 'r7-1')).toEqual([]);
  });
});
