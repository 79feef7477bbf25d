/**
 * One worker and two, by the processor time that each side takes: server, clients, next hop and database are counted apart,
 * because on a machine with few cores it is they, and not the worker, that fill the second core.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { systemClock } from '@postroad/core';
import type { TestPostgres } from '@postroad/postgres/testing';
import { cpuMsOf } from '../process-tree.js';
import { type LoadProcess, type SinkProcess, startLoadProcess, startSinkProcess } from './load-process.js';
import { type ScaleServer, startScaleServer } from './server.js';

/** What to measure. */
export interface WorkersOptions {
  /** A turn. */
  readonly messages: number;
  /** Messages that each worker has seen before: the first thousands cost two or three times as much. */
  readonly warm: number;
  readonly rounds: number;
  readonly sizeBytes: number;
  readonly directory: string;
  readonly database: TestPostgres | undefined;
  /** Only the points whose names contain it. */
  readonly only?: string | undefined;
}

/** Of a core, in milliseconds for each message. */
interface Cost {
  readonly server: number;
  readonly clients: number;
  readonly sink: number;
  readonly database: number;
}

interface Measured extends Cost {
  readonly perSecond: number;
  /** Of one core, while it was measured: that of the server, and what nobody used. */
  readonly coresOfServer: number;
  readonly coresIdle: number;
}

/** What is done with a message: `signed` is accepted after an RSA signature, which costs the server alone. */
type Work = 'accept' | 'signed' | 'relay';

// Enough to keep two workers busy, and the same for one.
const connections = 128;
const cores = availableParallelism();

/** Prints a line for each number of workers, and what two are to one. */
export async function compareWorkers(options: WorkersOptions): Promise<void> {
  console.log(
    'work    queue     workers   rate  server  clients  sink  database (ms of a core each)   server had   idle',
  );
  for (const work of ['accept', 'signed', 'relay'] as const) {
    for (const queue of ['lmdb', 'postgres'] as const) {
      if (queue === 'postgres' && (options.database === undefined || work === 'signed')) continue;
      if (options.only !== undefined && !`${work} ${queue}`.includes(options.only)) continue;
      // In turns, so that what else the machine does meets both.
      const all: { readonly 1: Measured[]; readonly 2: Measured[] } = { 1: [], 2: [] };
      for (let round = 0; round < options.rounds; round++) {
        for (const workers of [1, 2] as const)
          all[workers].push(await measure(options, work, queue, workers));
      }
      const [one, two] = [median(all[1]), median(all[2])];
      tell(work, queue, 1, one);
      tell(work, queue, 2, two);
      const times = (number: number): string => number.toFixed(2);
      console.log(
        `        two to one: rate ${times(two.perSecond / one.perSecond)}; by processor time at most ` +
          `${times(atMost(two, 2, cores) / atMost(one, 1, cores))} on these ${cores} cores, ` +
          `${times(atMost(two, 2, 64) / atMost(one, 1, 64))} where the others have cores of their own`,
      );
    }
  }
}

/** Messages in a millisecond that so many cores can give, when each worker fills one at most. */
function atMost({ server, clients, sink, database }: Cost, workers: number, of: number): number {
  return Math.min(workers / server, of / (server + clients + sink + database));
}

function tell(work: Work, queue: string, workers: number, one: Measured): void {
  const number = (value: number, width: number): string => value.toFixed(2).padStart(width);
  console.log(
    `${work.padEnd(8)}${queue.padEnd(10)}${workers}      ${Math.round(one.perSecond).toString().padStart(6)}` +
      `${number(one.server, 8)}${number(one.clients, 9)}${number(one.sink, 6)}${number(one.database, 10)}` +
      `${number(one.coresOfServer, 33)}${number(one.coresIdle, 7)}`,
  );
}

async function measure(
  options: WorkersOptions,
  work: Work,
  queue: 'lmdb' | 'postgres',
  workers: number,
): Promise<Measured> {
  const sink = work === 'relay' ? await startSinkProcess() : undefined;
  const clients = startLoadProcess();
  let server: ScaleServer | undefined;
  try {
    server = await startScaleServer({
      workers,
      queue,
      url: (await options.database?.url()) ?? '',
      directory: options.directory,
      isSigned: work === 'signed',
      ...(sink === undefined ? {} : { sinkPort: sink.port }),
    });
    await handIn({ options, server, clients, sink }, options.warm * workers);
    return await count({ options, server, clients, sink });
  } finally {
    await server?.stop();
    await clients.stop();
    await sink?.stop();
  }
}

interface Running {
  readonly options: WorkersOptions;
  readonly server: ScaleServer;
  readonly clients: LoadProcess;
  readonly sink: SinkProcess | undefined;
}

async function count(running: Running): Promise<Measured> {
  const { options, server, clients, sink } = running;
  const use = () => ({
    server: cpuMsOf(server.pid),
    clients: cpuMsOf(clients.pid),
    sink: sink === undefined ? 0 : cpuMsOf(sink.pid),
    database: options.database === undefined ? 0 : cpuMsOf(options.database.pid),
  });
  const before = use();
  const idleMs = idle();
  const beganMs = systemClock.monotonic();
  await handIn(running, options.messages);
  const elapsedMs = systemClock.monotonic() - beganMs;
  const after = use();
  const each = (side: keyof Cost): number => (after[side] - before[side]) / options.messages;
  return {
    server: each('server'),
    clients: each('clients'),
    sink: each('sink'),
    database: each('database'),
    perSecond: (options.messages * 1000) / elapsedMs,
    coresOfServer: (after.server - before.server) / elapsedMs,
    coresIdle: (idle() - idleMs) / elapsedMs,
  };
}

/** Resolves when all are acknowledged and, when there is a next hop, have got there. */
async function handIn({ options, server, clients, sink }: Running, messages: number): Promise<void> {
  const taken = (await sink?.messages()) ?? 0;
  await clients.run({ port: server.port, connections, messages, sizeBytes: options.sizeBytes });
  while (sink !== undefined && (await sink.messages()) < taken + messages) await systemClock.sleep(5);
}

/** Milliseconds in which cores of the machine had nothing to do, or waited for a disk. */
function idle(): number {
  const [, , , , idle = 0, waiting = 0] =
    readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]?.split(/ +/).map(Number) ?? [];
  return (idle + waiting) * 10;
}

function median(list: readonly Measured[]): Measured {
  return [...list].sort((a, b) => a.server - b.server)[list.length >> 1] as Measured;
}
