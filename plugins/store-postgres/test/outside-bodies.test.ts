/** Large bodies in a real S3-compatible service, small ones in a real PostgreSQL; and a sweep that may run at any moment. */
import {
  Bodies,
  type Body,
  bodyFromBytes,
  Changes,
  type Clock,
  definePlugin,
  isMailError,
  type Logger,
  type MailboxStore,
  MailError,
  queueMemory,
  readBody,
  systemClock,
} from '@postroad/core';
import { bodyNotInMemory, createSeededRandom, startTestMta } from '@postroad/core/testing';
import { migrate, openPostgres, type Postgres } from '@postroad/postgres';
import { postgresMissing, startTestPostgres, type TestPostgres } from '@postroad/postgres/testing';
import { openS3 } from '@postroad/s3';
import { s3Missing, startTestS3, type TestS3 } from '@postroad/s3/testing';
import {
  openPostgresStore,
  storePostgres,
  storePostgresMigrations,
  sweepOutside,
  sweepParts,
} from '@postroad/store-postgres';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const clock = systemClock;
const limits = {
  tls: 'none',
  connectionsMax: 6,
  connectTimeoutMs: 20_000,
  statementTimeoutMs: 20_000,
} as const;
const missing = postgresMissing ?? s3Missing;
if (missing !== undefined) console.warn(`SKIPPED: ${missing}`);

describe.skipIf(missing !== undefined)('bodies outside of the database', () => {
  let server: TestPostgres;
  let service: TestS3;
  let bucket: Bodies;
  let database: Postgres;
  let url: string;
  let nodes = 0;
  const stores: MailboxStore[] = [];
  const connect = (): Postgres => openPostgres({ ...limits, url, name: 'test' }, { clock, log });
  function open(bodies: Bodies = bucket): MailboxStore {
    const node = `n${++nodes}`;
    const kept = { hasTextIndex: false, vanishedMax: 1_000, cachedMailboxesMax: 10 };
    const store = openPostgresStore({
      database: connect(),
      clock,
      log,
      node,
      bodies: () => bodies,
      ...kept,
    });
    stores.push(store);
    return store;
  }
  /** A message whose body is not in memory, as the spool gives large ones. */
  function large(text: string, octets = 20_000) {
    const body = bodyNotInMemory(
      Buffer.from(`Subject: ${text}\r\n\r\n${text.repeat(octets / text.length)}\r\n`),
    );
    return { prefix: '', body, internalDateMs: 0 };
  }
  const inbox = (accountId: string) => [{ accountId, mailbox: { name: 'INBOX' }, flags: [] }];
  const idOf = async (store: MailboxStore, account: string) =>
    (await store.mailboxByName(account, 'INBOX'))?.id ?? '';
  const rows = async (table: string) =>
    (await database.query(`SELECT 1 FROM postroad_store_${table}`)).length;
  /** Every message of an account, opened and read whole. */
  async function readAll(store: MailboxStore, account: string): Promise<readonly string[]> {
    const entries = await store.entries(await idOf(store, account));
    return await Promise.all(
      entries.map(async ({ messageId }) =>
        (await readBody((await store.open(messageId)) as Body, 1_000_000)).toString().slice(9, 13).trim(),
      ),
    );
  }

  beforeAll(async () => {
    // One after the other, so that what has started is stopped when the other does not.
    server = await startTestPostgres();
    service = await startTestS3();
    bucket = openS3(service.options(), { clock, random: createSeededRandom(1) });
  });
  afterAll(async () => {
    await server?.stop();
    await service?.stop();
  });
  beforeEach(async () => {
    url = await server.url();
    database = connect();
    await migrate(database, 'store-postgres', storePostgresMigrations);
  });
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close();
    // What a test left is of a schema that nobody opens again.
    for (const key of await service.keys()) await bucket.remove(key);
    await database.close();
  });

  it('keeps a large body once in the bucket, and removes it when nobody refers to it any more', async () => {
    const store = open();
    const message = large('one ');
    await store.file(message, inbox('alice'));
    await store.file(message, inbox('bob'));
    await store.file({ ...message, body: bodyFromBytes(Buffer.from('Subject: s\r\n\r\n')) }, inbox('bob'));
    expect(await service.keys()).toEqual([expect.stringContaining(`mailboxes/${message.body.sha256}/`)]);
    expect([await rows('bodies'), await rows('parts'), await rows('garbage')]).toEqual([2, 0, 0]);
    expect(await readAll(store, 'alice')).toEqual(['one']);
    await store.expunge(await idOf(store, 'alice'), [1]);
    expect(await sweepOutside(database, bucket, 0)).toBe(0);
    expect(await readAll(store, 'bob')).toHaveLength(2);
    await store.expunge(await idOf(store, 'bob'), [1]);
    expect(await sweepOutside(database, bucket, 3_600_000)).toBe(0);
    expect(await sweepParts(database, 0)).toBe(0);
    expect(await sweepOutside(database, bucket, 0)).toBe(1);
    expect([await service.keys(), await rows('garbage')]).toEqual([[], 0]);
  });

  it('writes a body again that the sweep took between its upload and the reference', async () => {
    let writes = 0;
    const swept: Bodies = {
      ...bucket,
      async write(name, body) {
        await bucket.write(name, body);
        if (++writes === 1) expect(await sweepOutside(database, bucket, 0)).toBe(1);
      },
    };
    const store = open(swept);
    await store.file(large('two '), inbox('alice'));
    expect(writes).toBe(2);
    expect(await readAll(store, 'alice')).toEqual(['two']);
  });

  it('goes on removing where a sweep broke off, and never what is referred to again', async () => {
    const store = open();
    await store.file(large('six '), inbox('alice'));
    await store.expunge(await idOf(store, 'alice'), [1]);
    const broken: Bodies = {
      ...bucket,
      remove: () => Promise.reject(new MailError('E_BODIES', 'not now')),
    };
    await expect(sweepOutside(database, broken, 0)).rejects.toMatchObject({ code: 'E_BODIES' });
    // The same body comes again, while the removal of the first is still to come.
    await store.file(large('six '), inbox('alice'));
    expect(await service.keys()).toHaveLength(2);
    expect(await sweepOutside(database, bucket, 0)).toBe(1);
    expect(await readAll(store, 'alice')).toEqual(['six']);
  });

  it('loses nothing while bodies come, go and are swept at once from two nodes', async () => {
    const both = [open(), open()] as const;
    const random = createSeededRandom(20_261_128);
    const texts = ['aaa', 'bbb', 'ccc'];
    const isAgain = (error: unknown): false => {
      if (isMailError(error, 'E_MAILBOX_STORE')) return false;
      throw error;
    };
    let isOver = false;
    let swept = 0;
    const sweeping = (async () => {
      while (!isOver) {
        swept += await sweepOutside(database, bucket, 0);
        // Without a pause it would win over those who write for as long as it likes.
        await clock.sleep(random.number() * 150);
      }
    })();
    const use = async (store: MailboxStore, account: string): Promise<void> => {
      for (let round = 0; round < 8; round++) {
        const message = large(`${texts[Math.floor(random.number() * 3)]} `, 2_000);
        // With no time of grace at all a body may be swept twice before it is referred to: the client comes again.
        const isFiled = () => store.file(message, inbox(account)).then(() => true, isAgain);
        for (let tries = 1; !(await isFiled()); tries++) {
          if (tries === 100) throw new Error('swept each time');
          // Also when it fails at once, as with a store that is closed: others must have their turn.
          await clock.sleep(1);
        }
        const entries = await store.entries(await idOf(store, account));
        if (random.number() < 0.6) await store.expunge(await idOf(store, account), [entries[0]?.uid ?? 0]);
      }
    };
    try {
      await Promise.all([use(both[0], 'alice'), use(both[1], 'bob')]);
    } finally {
      isOver = true;
      await sweeping;
    }
    const left = [...(await readAll(both[0], 'alice')), ...(await readAll(both[1], 'bob'))];
    expect(left.filter((text) => !texts.includes(text))).toEqual([]);
    expect(left.length).toBeGreaterThan(0);
    expect(swept).toBeGreaterThan(0);
    await sweepOutside(database, bucket, 0);
    expect((await service.keys()).length).toBe(new Set(left).size);
  });

  it('puts off large messages while the service is away, and goes on with small ones', async () => {
    const hasty = openS3(service.options({ attemptsMax: 1 }), { clock, random: createSeededRandom(1) });
    const store = open(hasty);
    await service.kill();
    await expect(store.file(large('two '), inbox('alice'))).rejects.toMatchObject({
      code: 'E_MAILBOX_STORE',
    });
    const small = { ...large('tiny'), body: bodyFromBytes(Buffer.from('Subject: tiny\r\n\r\n')) };
    expect(await store.file(small, inbox('alice'))).toMatchObject([{ status: 'filed' }]);
    await service.start();
    await store.file(large('two '), inbox('alice'));
    expect(await readAll(store, 'alice')).toEqual(['tiny', 'two']);
    expect(await sweepOutside(database, bucket, 0)).toBe(1);
  });

  it('sweeps by itself, and tells of changes the way that is asked for', async () => {
    const removed: string[] = [];
    let subscribed = 0;
    const kept = { ...bucket, remove: async (name: string) => void removed.push(name) };
    const others = definePlugin({
      name: 'others',
      provides: [Bodies, Changes],
      setup({ provide }) {
        provide(Bodies, kept);
        const subscribe = (): (() => boolean) => {
          subscribed++;
          return () => true;
        };
        provide(Changes, { publish: () => undefined, subscribe });
      },
    });
    let sweep: (() => void) | undefined;
    // What waits for an hour is run by hand.
    const after: Clock['after'] = (ms, run) => {
      if (ms !== 3_600_000) return clock.after(ms, run);
      sweep = run;
      return { cancel: () => undefined };
    };
    const store = storePostgres({ url, connectionsMax: 3, notices: 'changes' });
    const plugins = [queueMemory(), store, others()];
    const mta = await startTestMta({ listeners: [], clock: { ...clock, after }, plugins });
    expect(subscribed).toBe(1);
    const insert = 'INSERT INTO postroad_store_garbage (blob, since) VALUES';
    for (let round = 1; round <= 2; round++) {
      const names = [`mailboxes/old${round}`, `mailboxes/new${round}`, `parts-old${round}`];
      const ages = "($1, now() - interval '2 hours'), ($2, now()), ($3, now() - interval '2 hours')";
      await database.run(`${insert} ${ages}`, names);
      const due = sweep;
      sweep = undefined;
      due?.();
      await expect.poll(() => removed.length).toBe(round);
      // The next one is to come.
      await expect.poll(() => sweep !== undefined).toBe(true);
    }
    expect(removed).toEqual(['mailboxes/old1', 'mailboxes/old2']);
    const left = async () =>
      (await database.query('SELECT blob FROM postroad_store_garbage')).map((row) => row.blob);
    await expect.poll(left).toEqual(['mailboxes/new1', 'mailboxes/new2']);
    await mta.stop();
  });
});
