/** Several nodes on the same mailboxes: against a real server. */
import {
  bodyFromBytes,
  type ChangeNotice,
  type Changes,
  type ChangesListener,
  type Logger,
  type MailboxStore,
  readBody,
  systemClock,
} from '@postroad/core';
import { bodyNotInMemory } from '@postroad/core/testing';
import { migrate, openPostgres, type Postgres } from '@postroad/postgres';
import { postgresMissing, startTestPostgres, type TestPostgres } from '@postroad/postgres/testing';
import { openPostgresStore, storePostgresMigrations, sweepParts } from '@postroad/store-postgres';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const clock = systemClock;
const limits = {
  tls: 'none',
  connectionsMax: 6,
  connectTimeoutMs: 20_000,
  statementTimeoutMs: 20_000,
} as const;

if (postgresMissing !== undefined) console.warn(`SKIPPED: ${postgresMissing}`);

describe.skipIf(postgresMissing !== undefined)('nodes that share mailboxes', () => {
  let server: TestPostgres;
  let url: string;
  let database: Postgres;
  const stores: MailboxStore[] = [];
  const connect = (): Postgres => openPostgres({ ...limits, url, name: 'test' }, { clock, log });
  function node(name: string, changes?: Changes): MailboxStore {
    const store = openPostgresStore({
      ...(changes === undefined ? {} : { changes }),
      database: connect(),
      clock,
      log,
      node: name,
      hasTextIndex: false,
      vanishedMax: 1_000,
      cachedMailboxesMax: 10,
    });
    stores.push(store);
    return store;
  }
  const message = (text: string) => ({
    prefix: '',
    body: bodyFromBytes(Buffer.from(`Subject: ${text}\r\n\r\n${text}\r\n`)),
    internalDateMs: 0,
  });
  const inbox = (accountId: string) => [{ accountId, mailbox: { name: 'INBOX' }, flags: [] }];

  beforeAll(async () => {
    server = await startTestPostgres();
  });
  afterAll(() => server?.stop());
  beforeEach(async () => {
    url = await server.url();
    database = connect();
    await migrate(database, 'store-postgres', storePostgresMigrations);
  });
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close();
    await database.close();
  });

  it('tell each other of changes, and of a gap when the connection was cut', async () => {
    const [a, b] = [node('a'), node('b')];
    const { id } = (await a.mailboxByName('alice', 'INBOX')) ?? { id: '' };
    const heard: ChangeNotice[] = [];
    const stop = b.watch('alice', (notice) => heard.push(notice));
    await expect
      .poll(async () => {
        await a.file(message('x'), inbox('alice'));
        return heard.length;
      })
      .toBeGreaterThan(0);
    expect(heard[0]).toEqual({ accountId: 'alice', mailboxId: id });
    heard.length = 0;
    await server.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'");
    await expect.poll(() => heard).toContainEqual({ accountId: 'alice', mailboxId: id });
    stop();
  });

  it('give UIDs in order and without gaps, whoever files', async () => {
    const both = [node('a'), node('b')];
    const filed = await Promise.all(
      Array.from({ length: 30 }, (_, at) =>
        (both[at % 2] as MailboxStore).file(message(`m${at}`), inbox('alice')),
      ),
    );
    const uids = filed.flat().map((one) => (one.status === 'filed' ? one.uid : 0));
    expect(uids.sort((x, y) => x - y)).toEqual(Array.from({ length: 30 }, (_, at) => at + 1));
  });

  it('file, flag, copy and remove at once, and every count is right in the end', async () => {
    const both = [node('a'), node('b')] as const;
    const [{ id }, { id: other }] = await Promise.all([
      both[0].mailboxByName('alice', 'INBOX').then((found) => found ?? { id: '' }),
      both[1].createMailbox('alice', 'other'),
    ]);
    for (let at = 0; at < 10; at++) await both[0].file(message(`m${at}`), inbox('alice'));
    const rounds = Array.from({ length: 10 }, (_, at) => at);
    const jobs = both.flatMap((store, of) => [
      ...rounds.map((at) => store.file(message(`n${of}${at}`), inbox('alice'))),
      ...rounds.map((at) =>
        store.changeFlags(id, [1 + at], { mode: 'add', flags: [of === 0 ? '\\Seen' : '\\Flagged'] }),
      ),
      ...rounds.slice(0, 4).map((at) => store.copy(id, [1 + at], other)),
      ...rounds.slice(0, 3).map((at) => store.expunge(id, [1 + 2 * at + of])),
    ]);
    await Promise.all(jobs);
    const found = await both[0].changes(id, 0);
    const uids = found.changed.map((one) => one.uid);
    expect([uids.length, new Set(uids).size, found.uidNext]).toEqual([24, 24, 31]);
    // Every change was a step of its own, so that who has seen one misses none.
    const steps = [...found.changed.map((one) => one.modSeq), ...found.vanished];
    expect(Math.max(...steps)).toBeLessThanOrEqual(found.highestModSeq);
    const modSeqs = found.changed.map((one) => one.modSeq);
    expect(new Set(modSeqs).size).toBeGreaterThan(10);
    for (const [mailbox, store] of [id, other].entries()) {
      const entries = await both[1].entries(store);
      const kept = await both[1].mailbox(store);
      const unseen = entries.filter((one) => !one.flags.includes('\\Seen')).length;
      const octets = entries.reduce((sum, one) => sum + one.sizeBytes, 0);
      expect([mailbox, kept?.messages, kept?.unseen, kept?.sizeBytes]).toEqual([
        mailbox,
        entries.length,
        unseen,
        octets,
      ]);
    }
    const all = [...(await both[1].entries(id)), ...(await both[1].entries(other))];
    const flagged = await both[1].entries(id, { first: 7, last: 10 });
    expect(flagged.map(({ uid, flags }) => [uid, [...flags].sort()])).toEqual(
      [7, 8, 9, 10].map((uid) => [uid, ['\\Flagged', '\\Seen']]),
    );
    expect(await both[0].quota('alice')).toMatchObject({
      messages: all.length,
      usedBytes: all.reduce((sum, one) => sum + one.sizeBytes, 0),
    });
    // What nobody has any more is gone, and nothing else.
    const rows = await database.query<{ holders: number }>(
      'SELECT sum(holders)::int AS holders FROM postroad_store_messages',
    );
    expect(rows).toEqual([{ holders: all.length }]);
  });

  it('tell each other by another way when there is one, and of its gaps', async () => {
    const listeners: ChangesListener[] = [];
    // What a node publishes the others hear, as with Redis.
    const way = (): Changes => {
      let own: ChangesListener | undefined;
      return {
        publish(notice) {
          for (const one of listeners) if (one !== own) one.notice(notice);
        },
        subscribe(listener) {
          own = listener;
          listeners.push(listener);
          return () => listeners.splice(listeners.indexOf(listener), 1).length > 0;
        },
      };
    };
    const [a, b] = [node('a', way()), node('b', way())];
    const { id } = (await a.mailboxByName('alice', 'INBOX')) ?? { id: '' };
    const heard: ChangeNotice[] = [];
    b.watch('alice', (notice) => heard.push(notice));
    await a.file(message('x'), inbox('alice'));
    expect(heard).toEqual([{ accountId: 'alice', mailboxId: id }]);
    heard.length = 0;
    for (const one of listeners) one.gap();
    await expect.poll(() => heard).toContainEqual({ accountId: 'alice', mailboxId: id });
    expect(heard).toContainEqual({ accountId: 'alice' });
    for (const store of stores.splice(0)) await store.close();
    expect(listeners).toEqual([]);
  });

  it('see what the other changed, expunged and flagged, in lists they have read before', async () => {
    const [a, b] = [node('a'), node('b')];
    for (const text of ['one', 'two', 'three']) await a.file(message(text), inbox('alice'));
    const { id } = (await b.mailboxByName('alice', 'INBOX')) ?? { id: '' };
    expect(await b.entries(id)).toHaveLength(3);
    await a.expunge(id, [2]);
    await a.changeFlags(id, [3], { mode: 'add', flags: ['\\Seen'] });
    const entries = await b.entries(id);
    expect(entries.map((entry) => [entry.uid, entry.flags])).toEqual([
      [1, []],
      [3, ['\\Seen']],
    ]);
  });

  it('keep one copy of a large body, and sweep only what nobody refers to', async () => {
    const a = node('a');
    const octets = Buffer.concat([Buffer.from('Subject: x\r\n\r\n'), Buffer.alloc(1_500_000, 'y')]);
    const large = { prefix: '', body: bodyNotInMemory(octets), internalDateMs: 0 };
    await a.file(large, inbox('alice'));
    await a.file(large, inbox('bob'));
    const count = async (table: string) =>
      (await database.query(`SELECT 1 FROM postroad_store_${table}`)).length;
    expect([await count('bodies'), await count('parts'), await count('garbage')]).toEqual([1, 2, 0]);
    const of = async (account: string) => (await a.mailboxByName(account, 'INBOX'))?.id ?? '';
    await a.expunge(await of('alice'), [1]);
    expect(await sweepParts(database, 0)).toBe(0);
    const [entry] = await a.entries(await of('bob'));
    const body = await a.open(entry?.messageId ?? '');
    expect((await readBody(body as never, 2_000_000)).equals(octets)).toBe(true);
    await a.expunge(await of('bob'), [1]);
    expect([await count('bodies'), await count('garbage')]).toEqual([0, 1]);
    expect(await sweepParts(database, 3_600_000)).toBe(0);
    expect(await sweepParts(database, 0)).toBe(1);
    expect([await count('parts'), await count('garbage')]).toEqual([0, 0]);
  });

  it('forget a large body with the messages that were not filed together', async () => {
    const a = node('a');
    const body = bodyNotInMemory(Buffer.alloc(1_100_000, 'y'));
    const both = [{ message: { prefix: '', body, internalDateMs: 0 }, flags: [] }];
    await a.setQuota('alice', 1_000_000);
    const place = { accountId: 'alice', mailbox: { name: 'new' } };
    expect(await a.fileAll?.(place, both)).toBe('quota');
    expect(await a.mailboxByName('alice', 'new')).toBeUndefined();
    expect(await database.query('SELECT 1 FROM postroad_store_bodies')).toEqual([]);
    expect(await sweepParts(database, 0)).toBe(1);
    await a.setQuota('alice', undefined);
    expect(await a.fileAll?.(place, both)).toMatchObject([{ uid: 1 }]);
  });

  it('keep the latest subscriptions, and go by a mailbox that a node of the version before has made', async () => {
    const a = node('a');
    const { id } = await a.createMailbox('alice', 'latest');
    await a.setSubscribed(id, true);
    const keep = "INSERT INTO postroad_store_subscriptions (account_id, name, lost_at) SELECT 'alice'";
    await database.run(
      `${keep}, 'old' || n, now() - make_interval(secs => n) FROM generate_series(1, 1000) n`,
    );
    await a.deleteMailbox(id);
    const lost = (await a.lostSubscriptions?.('alice')) ?? [];
    expect([lost.length, lost.includes('latest'), lost.includes('old999')]).toEqual([1_000, true, true]);
    expect(lost).not.toContain('old1000');
    const { id: made } = await a.createMailbox('alice', 'made');
    await database.run(`${keep}, 'made', now()`);
    expect(await a.lostSubscriptions?.('alice')).not.toContain('made');
    await a.deleteMailbox(made);
    expect(await a.lostSubscriptions?.('alice')).not.toContain('made');
  });

  it('leave nothing behind when the server dies, and go on when it is back', async () => {
    const a = node('a');
    await a.file(message('one'), inbox('alice'));
    await server.kill();
    await expect(a.file(message('two'), inbox('alice'))).rejects.toMatchObject({ code: 'E_MAILBOX_STORE' });
    await server.start();
    const filed = () => a.file(message('three'), inbox('alice')).catch(() => []);
    await expect.poll(async () => (await filed())[0]).toMatchObject({ status: 'filed', uid: 2 });
  });
});
