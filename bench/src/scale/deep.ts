/** What waits must not cost what goes through: the queue over PostgreSQL, empty and with millions of rows. */
import { bodyFromBytes, type Logger, type QueueStore, systemClock } from '@postroad/core';
import { sampleMessage } from '@postroad/core/testing';
import { migrate, openPostgres, type Postgres } from '@postroad/postgres';
import type { TestPostgres } from '@postroad/postgres/testing';
import { openPostgresQueueStore, queuePostgresMigrations } from '@postroad/queue-postgres';

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const limits = {
  tls: 'none',
  connectionsMax: 6,
  connectTimeoutMs: 5_000,
  // Filling takes minutes.
  statementTimeoutMs: 600_000,
} as const;
const writers = 256;
const leasedAtOnce = 200;
const domains = 10_000;
const dayMs = 86_400_000;

/** What to measure with. */
export interface DeepOptions {
  readonly server: TestPostgres;
  /** Messages that wait, each for one recipient. */
  readonly rows: number;
  /** Messages that go through. */
  readonly messages: number;
  readonly sizeBytes: number;
}

interface Rates {
  readonly accept: number;
  readonly lease: number;
  readonly settle: number;
}

/** Prints what the empty and the full queue do in a second. */
export async function compareDepths({ server, rows, messages, sizeBytes }: DeepOptions): Promise<void> {
  const url = await server.url();
  const connect = (): Postgres =>
    openPostgres({ ...limits, url, name: 'bench' }, { clock: systemClock, log: silent });
  const tables = connect();
  await migrate(tables, 'queue-postgres', queuePostgresMigrations);
  const store = openPostgresQueueStore({
    database: connect(),
    clock: systemClock,
    log: silent,
    node: 'bench',
    nodeTimeoutMs: 600_000,
  });
  await store.start('bench', systemClock.now());
  // Plans and code of the first ones cost more.
  await goThrough(store, 'w', messages, sizeBytes);
  const empty = await goThrough(store, 'e', messages, sizeBytes);
  tell('empty', empty);
  await fill(tables, rows);
  await goThrough(store, 'x', messages, sizeBytes);
  const full = await goThrough(store, 'f', messages, sizeBytes);
  tell(`${rows} wait`, full);
  const share = (of: keyof Rates): string => `${of} ${Math.round((100 * full[of]) / empty[of])} %`;
  console.log(`        of the empty queue: ${share('accept')}, ${share('lease')}, ${share('settle')}`);
  await store.close();
  await tables.close();
}

function tell(what: string, { accept, lease, settle }: Rates): void {
  console.log(
    `depth   postgres  ${what.padEnd(16)} accept ${Math.round(accept)}/s   lease ${Math.round(lease)}/s   settle ${Math.round(settle)}/s`,
  );
}

/** Accepts messages, leases and settles them; what waits for a later day stays out of it. */
async function goThrough(
  store: QueueStore,
  name: string,
  messages: number,
  sizeBytes: number,
): Promise<Rates> {
  const head = Buffer.from('Subject: x\r\n\r\n');
  const body = bodyFromBytes(Buffer.concat([head, Buffer.alloc(sizeBytes - head.length, 'x')]));
  let next = 0;
  const write = async (): Promise<void> => {
    while (next < messages) {
      const id = `${name}${next++}`;
      const to = [{ to: `bob@d${next % domains}.test` }];
      await store.put(sampleMessage(id, to, { body, receivedAtMs: systemClock.now() }));
    }
  };
  const accept = await rateOf(messages, async () => {
    await Promise.all(Array.from({ length: writers }, write));
  });
  const leased: { readonly messageId: string; readonly index: number }[] = [];
  const lease = await rateOf(messages, async () => {
    while (leased.length < messages) {
      const nowMs = systemClock.now();
      const mine = { owner: 'bench', untilMs: nowMs + dayMs, token: 'bench' };
      leased.push(...(await store.lease({ nowMs, limit: leasedAtOnce, lease: mine })));
    }
  });
  const settle = await rateOf(messages, async () => {
    for (let at = 0; at < messages; at += leasedAtOnce) {
      const some = leased.slice(at, at + leasedAtOnce);
      await store.settle(
        'bench',
        some.map(({ messageId, index }) => ({ messageId, index, to: 'done' })),
      );
    }
  });
  return { accept, lease, settle };
}

async function rateOf(messages: number, work: () => Promise<void>): Promise<number> {
  const beganMs = systemClock.monotonic();
  await work();
  return (messages * 1_000) / (systemClock.monotonic() - beganMs);
}

/** Rows as messages leave them that wait for a later day. */
async function fill(database: Postgres, rows: number): Promise<void> {
  await database.run(
    `INSERT INTO postroad_queue_messages (id, facts, sender, recipients, remaining)
     SELECT 'd' || lpad(g::text, 12, '0'), '{"shared":{}}', 'alice@example.org', 1, 1 FROM generate_series(1, $1::int) g`,
    [rows],
  );
  await database.run(
    `INSERT INTO postroad_queue_recipients
       (message_id, idx, state, due_ms, site, domain, address, fixed, attempts, unsettled, is_delay_told)
     SELECT 'd' || lpad(g::text, 12, '0'), 0, 'waiting', $2::bigint + g, 'mx:w' || (g % ${domains}) || '.test',
       'w' || (g % ${domains}) || '.test', 'u' || g || '@w' || (g % ${domains}) || '.test', '{}', 3, 0, false
     FROM generate_series(1, $1::int) g`,
    [rows, systemClock.now() + dayMs],
  );
  await database.run('ANALYZE postroad_queue_messages, postroad_queue_recipients, postroad_queue_parked');
}
