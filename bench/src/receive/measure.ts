/** Measuring servers in turns: a short slice on each, many times over, so that other work on the machine meets all. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import type { LoadOrder, LoadResult } from './messages.js';
import type { BenchServer } from './servers.js';

/** What is measured: a load by its name. */
export interface Point extends Omit<LoadOrder, 'port' | 'waitsBehindData' | 'opensInTurn'> {
  readonly name: string;
}

/** The medians of one server at one point. */
export interface Sample {
  /** Messages a second. */
  readonly rate: number;
  /** CPU seconds of the server's processes for 1000 messages. */
  readonly cpuPer1000: number;
  readonly latencyMs: LoadResult['latencyMs'];
  /** The load generator had no CPU left, so the rate is its own and not the server's. */
  readonly isLoadBound: boolean;
}

/** A load generator; `stop` ends it. */
export interface Load {
  order(what: LoadOrder): Promise<LoadResult>;
  stop(): void;
}

/** Starts one. */
export function startLoad(): Load {
  const process = fork(new URL('./load.js', import.meta.url));
  return {
    async order(what) {
      process.send(what);
      const [result] = (await once(process, 'message')) as [LoadResult];
      return result;
    },
    stop: () => stop(process),
  };
}

function stop(process: ChildProcess): void {
  if (process.connected) process.disconnect();
}

/** Until a server runs as it does for months: Node.js compiles what is used much, and does so over several seconds. */
const warmUpMs = 8_000;

/** A program costs two or three times as much before it has been compiled. */
export async function warmUp(load: Load, servers: readonly BenchServer[], points: readonly Point[]) {
  for (const server of servers) {
    for (const point of points) await load.order({ ...orderFor(server, point), durationMs: warmUpMs });
  }
}

/** Work that a server still does behind its last reply belongs to it. */
const settleMs = 50;
/** With this part of its time spent the load generator is what bounds the rate. */
const loadBoundPart = 0.9;

/** Measures all servers at a point, in turns, `rounds` times; every other round runs backwards. */
export async function measurePoint(
  load: Load,
  servers: readonly BenchServer[],
  point: Point,
  rounds: number,
): Promise<ReadonlyMap<string, Sample>> {
  const samples = new Map<string, Sample[]>(servers.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const server of round % 2 === 0 ? servers : [...servers].reverse()) {
      samples.get(server.name)?.push(await measureOnce(load, server, point));
    }
  }
  return new Map([...samples].map(([name, list]) => [name, medians(list)]));
}

const refused: Sample = {
  rate: Number.NaN,
  cpuPer1000: Number.NaN,
  latencyMs: { median: Number.NaN, p99: Number.NaN },
  isLoadBound: false,
};

/** One slice on one server; not a number where it refused something. */
export async function measureOnce(load: Load, server: BenchServer, point: Point): Promise<Sample> {
  const before = await server.use();
  const result = await load.order(orderFor(server, point));
  await wait(settleMs);
  const after = await server.use();
  // A peer may not bear the load: that is its own result.
  if (result.failures > 0 || result.messages === 0) return refused;
  return {
    rate: result.messages / result.seconds,
    cpuPer1000: ((after.cpuSeconds - before.cpuSeconds) / result.messages) * 1_000,
    latencyMs: result.latencyMs,
    isLoadBound: result.cpuSeconds / result.seconds > loadBoundPart,
  };
}

function orderFor(
  { port, waitsBehindData = false, opensInTurn = false }: BenchServer,
  point: Point,
): LoadOrder {
  return { ...point, port, waitsBehindData, opensInTurn };
}

function medians(samples: readonly Sample[]): Sample {
  const of = (value: (sample: Sample) => number) => median(samples.map(value));
  return {
    rate: of((sample) => sample.rate),
    cpuPer1000: of((sample) => sample.cpuPer1000),
    latencyMs: {
      median: of((sample) => sample.latencyMs.median),
      p99: of((sample) => sample.latencyMs.p99),
    },
    isLoadBound: samples.filter((sample) => sample.isLoadBound).length * 2 > samples.length,
  };
}

/** The middle one; the upper of two. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
