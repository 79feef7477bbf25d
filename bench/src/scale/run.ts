/**
 * One worker and two, LMDB and PostgreSQL, side by side: messages accepted durably, and messages relayed. And how the store
 * over PostgreSQL compares with a bare insert of the same octets. Everything is on this machine, clients, next hop
 * and database too, so beside the rate stands what a message costs each of them.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { bodyFromBytes, type Logger, systemClock } from '@postroad/core';
import { sampleMessage } from '@postroad/core/testing';
import { migrate, openPostgres } from '@postroad/postgres';
import { postgresMissing, startTestPostgres, type TestPostgres } from '@postroad/postgres/testing';
import { openPostgresQueueStore, queuePostgresMigrations } from '@postroad/queue-postgres';
import { compareDepths } from './deep.js';
import { compareWorkers } from './workers.js';

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const sizeBytes = 4_096;

/** The bench: `npm run bench -- scale [--messages 3000] [--warm 5000] [--rounds 3] [--directory DISK] [--rows 1000000] [--only workers|inserts|depth|POINT]`. */
export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      messages: { type: 'string', default: '3000' },
      warm: { type: 'string', default: '5000' },
      rows: { type: 'string', default: '1000000' },
      rounds: { type: 'string', default: '3' },
      directory: { type: 'string', default: tmpdir() },
      only: { type: 'string' },
    },
  });
  const scale: Scale = {
    messages: Number(values.messages),
    rounds: Number(values.rounds),
    directory: await mkdtemp(`${values.directory}/postroad-bench-scale-`),
    database:
      postgresMissing === undefined
        ? await startTestPostgres({ settings: ['fsync = on', 'shared_buffers = 256MB'] })
        : undefined,
  };
  if (scale.database === undefined) console.log(`PostgreSQL is left out: ${postgresMissing}`);
  try {
    const only = values.only === 'workers' ? undefined : values.only;
    if (only !== 'inserts' && only !== 'depth')
      await compareWorkers({ ...scale, warm: Number(values.warm), sizeBytes, only });
    if (scale.database !== undefined && (values.only ?? 'inserts') === 'inserts')
      await compareInserts(scale, scale.database);
    if (scale.database !== undefined && values.only === 'depth')
      await compareDepths({ ...scale, server: scale.database, rows: Number(values.rows), sizeBytes });
  } finally {
    await scale.database?.stop();
    await rm(scale.directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

interface Scale {
  readonly messages: number;
  readonly rounds: number;
  readonly directory: string;
  readonly database: TestPostgres | undefined;
}

/** The queue's store against a bare insert of many rows of the same octets, four at a time on both sides. */
async function compareInserts(scale: Scale, server: TestPostgres): Promise<void> {
  const all: { readonly bare: number[]; readonly store: number[] } = { bare: [], store: [] };
  const messages = 2 * scale.messages;
  for (let round = 0; round < scale.rounds; round++) {
    all.bare.push(await bareInserts(await server.url(), messages));
    all.store.push(await storePuts(await server.url(), messages));
  }
  const middle = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[list.length >> 1] ?? 0;
  const [bare, store] = [middle(all.bare), middle(all.store)];
  const share = Math.round((100 * store) / bare);
  console.log(
    `insert  postgres  bare ${Math.round(bare)}/s   queue store ${Math.round(store)}/s   ${share} %`,
  );
}

const limits = {
  tls: 'none',
  connectionsMax: 6,
  connectTimeoutMs: 5_000,
  statementTimeoutMs: 30_000,
} as const;
const rowsEach = 64;
const atOnce = 4;

async function bareInserts(url: string, messages: number): Promise<number> {
  const database = openPostgres({ ...limits, url, name: 'bench' }, { clock: systemClock, log: silent });
  await database.run('CREATE TABLE bare (id text PRIMARY KEY, body bytea NOT NULL)');
  await database.run('ALTER TABLE bare ALTER COLUMN body SET STORAGE EXTERNAL');
  const body = Buffer.alloc(sizeBytes, 'x');
  let next = 0;
  const values = Array.from({ length: rowsEach }, (_, at) => `($${2 * at + 1}, $${2 * at + 2})`).join(', ');
  const work = async (): Promise<void> => {
    while (next < messages) {
      const from = next;
      next += rowsEach;
      const rows = Array.from({ length: rowsEach }, (_, at) => [`m${from + at}`, body]).flat();
      await database.run(`INSERT INTO bare VALUES ${values}`, rows);
    }
  };
  await work();
  await database.run('TRUNCATE bare');
  next = 0;
  const beganMs = systemClock.monotonic();
  await Promise.all(Array.from({ length: atOnce }, work));
  const rate = (messages * 1000) / (systemClock.monotonic() - beganMs);
  await database.close();
  return rate;
}

async function storePuts(url: string, messages: number): Promise<number> {
  const database = openPostgres({ ...limits, url, name: 'bench' }, { clock: systemClock, log: silent });
  await migrate(database, 'queue-postgres', queuePostgresMigrations);
  const store = openPostgresQueueStore({
    database,
    clock: systemClock,
    log: silent,
    node: 'bench',
    nodeTimeoutMs: 60_000,
    commitsMax: atOnce,
  });
  await store.start('bench', systemClock.now());
  const body = bodyFromBytes(
    Buffer.concat([Buffer.from('Subject: x\r\n\r\n'), Buffer.alloc(sizeBytes - 14, 'x')]),
  );
  const lease = { owner: 'bench', untilMs: systemClock.now() + 3_600_000, token: 'bench-1' };
  let next = 0;
  const work = async (until: number): Promise<void> => {
    while (next < until) {
      const message = sampleMessage(`m${next++}`, [{ to: 'bob@b.test' }], { body });
      await store.put(message, lease);
    }
  };
  const clients = (until: number) =>
    Promise.all(Array.from({ length: atOnce * rowsEach }, () => work(until)));
  await clients(messages);
  const beganMs = systemClock.monotonic();
  await clients(2 * messages);
  const rate = (messages * 1000) / (systemClock.monotonic() - beganMs);
  await store.close();
  return rate;
}
