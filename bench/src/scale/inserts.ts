/** How the queue's store compares with a bare insert of many rows of the same octets, four at a time on both sides. */
import { bodyFromBytes, type Logger, systemClock } from '@postroad/core';
import { sampleMessage } from '@postroad/core/testing';
import { migrate, openPostgres } from '@postroad/postgres';
import type { TestPostgres } from '@postroad/postgres/testing';
import { openPostgresQueueStore, queuePostgresMigrations } from '@postroad/queue-postgres';
import { cpuMsOf } from '../process-tree.js';

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const limits = {
  tls: 'none',
  connectionsMax: 6,
  connectTimeoutMs: 5_000,
  statementTimeoutMs: 30_000,
} as const;
const rowsEach = 64;
const atOnce = 4;

/** What to measure with. */
export interface InsertOptions {
  readonly server: TestPostgres;
  readonly messages: number;
  readonly rounds: number;
  readonly sizeBytes: number;
}

/** What writing a message takes, of a core in milliseconds for each side. */
interface Measured {
  readonly perSecond: number;
  readonly clientMs: number;
  readonly serverMs: number;
  /** Octets of the write-ahead log: what the disk has to sync. */
  readonly logBytes: number;
}

/** Prints both, and what the one is to the other: by rate, and by processor time where both sides share the cores. */
export async function compareInserts(options: InsertOptions): Promise<void> {
  const all: { readonly bare: Measured[]; readonly store: Measured[] } = { bare: [], store: [] };
  for (let round = 0; round < options.rounds; round++) {
    all.bare.push(await bareInserts(options, await options.server.url()));
    all.store.push(await storePuts(options, await options.server.url()));
    tell('bare insert', all.bare.slice(-1));
    tell('queue store', all.store.slice(-1));
  }
  const [bare, store] = [median(all.bare), median(all.store)];
  const percent = (share: number): string => `${Math.round(100 * share)} %`;
  const cost = ({ clientMs, serverMs }: Measured): number => clientMs + serverMs;
  console.log(
    `insert  postgres  ${percent(store.perSecond / bare.perSecond)} by rate, ` +
      `${percent(cost(bare) / cost(store))} by processor time of both sides, ` +
      `${percent(bare.serverMs / store.serverMs)} by that of the server alone, ` +
      `${percent(bare.logBytes / store.logBytes)} by octets of log`,
  );
}

function tell(what: string, [one]: readonly Measured[]): void {
  if (one === undefined) return;
  console.log(
    `insert  postgres  ${what}  ${Math.round(one.perSecond)}/s   client ${one.clientMs.toFixed(3)} ms, ` +
      `server ${one.serverMs.toFixed(3)} ms of a core each, ${Math.round(one.logBytes)} octets of log`,
  );
}

function median(list: readonly Measured[]): Measured {
  return [...list].sort((a, b) => a.perSecond - b.perSecond)[list.length >> 1] as Measured;
}

async function measure(
  { server }: InsertOptions,
  messages: number,
  work: () => Promise<unknown>,
): Promise<Measured> {
  const logAt = async (): Promise<number> => {
    const [row] = await server.query(
      "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 AS at",
    );
    return Number(row?.at ?? 0);
  };
  const logBefore = await logAt();
  const ofServer = cpuMsOf(server.pid);
  const ofClient = process.cpuUsage();
  const beganMs = systemClock.monotonic();
  await work();
  const elapsedMs = systemClock.monotonic() - beganMs;
  const { user, system } = process.cpuUsage(ofClient);
  return {
    perSecond: (messages * 1000) / elapsedMs,
    clientMs: (user + system) / 1000 / messages,
    serverMs: (cpuMsOf(server.pid) - ofServer) / messages,
    logBytes: ((await logAt()) - logBefore) / messages,
  };
}

async function bareInserts(options: InsertOptions, url: string): Promise<Measured> {
  const database = openPostgres({ ...limits, url, name: 'bench' }, { clock: systemClock, log: silent });
  await database.run('CREATE TABLE bare (id text PRIMARY KEY, body bytea NOT NULL)');
  await database.run('ALTER TABLE bare ALTER COLUMN body SET STORAGE EXTERNAL');
  const body = Buffer.alloc(options.sizeBytes, 'x');
  let next = 0;
  const values = Array.from({ length: rowsEach }, (_, at) => `($${2 * at + 1}, $${2 * at + 2})`).join(', ');
  const work = async (until: number): Promise<void> => {
    while (next < until) {
      const from = next;
      next += rowsEach;
      const rows = Array.from({ length: rowsEach }, (_, at) => [`m${from + at}`, body]).flat();
      await database.run(`INSERT INTO bare VALUES ${values}`, rows);
    }
  };
  const clients = (until: number) => Promise.all(Array.from({ length: atOnce }, () => work(until)));
  await clients(options.messages);
  const from = next;
  const measured = await measure(options, options.messages, () => clients(from + options.messages));
  await database.close();
  return measured;
}

async function storePuts(options: InsertOptions, url: string): Promise<Measured> {
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
  const head = Buffer.from('Subject: x\r\n\r\n');
  const body = bodyFromBytes(Buffer.concat([head, Buffer.alloc(options.sizeBytes - head.length, 'x')]));
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
  await clients(options.messages);
  const measured = await measure(options, options.messages, () => clients(2 * options.messages));
  await store.close();
  return measured;
}
