/**
 * `npm run bench -- receive`: accept and discard, our receiver beside a bare smtp-server and beside a sink that does
 * nothing else, which is what the runtime allows. Every point is measured on each, one after the other, several times
 * over, and the medians are compared: only such ratios mean anything on a machine that does other work too. CPU is the
 * server's own.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { LoadOrder, LoadResult, ServerMessage } from './messages.js';

interface Point extends Omit<LoadOrder, 'port'> {
  readonly name: string;
}

const plain = { mode: 'plain', connections: 50, octets: 10_240, isDotted: false } as const;
const points: readonly Point[] = [
  { ...plain, name: '10 KB, 50 connections', messages: 20_000 },
  { ...plain, name: '10 KB, 50, pipelined', mode: 'pipelined', messages: 30_000 },
  { ...plain, name: '10 KB, 50, one message each', mode: 'once', messages: 4_000 },
  { ...plain, name: '1 KB, 10 connections', connections: 10, octets: 1_024, messages: 20_000 },
  { ...plain, name: '100 KB, 10 connections', connections: 10, octets: 102_400, messages: 5_000 },
  {
    ...plain,
    name: '100 KB, 10, all lines dotted',
    connections: 10,
    octets: 102_400,
    isDotted: true,
    messages: 3_000,
  },
  { ...plain, name: '10 MB, 10 connections', connections: 10, octets: 10_485_760, messages: 80 },
];

const servers = ['postroad', 'smtp-server', 'minimal'] as const;
/** Held open, said hello, to see what one costs. */
const idleConnections = 4_000;

type ServerName = (typeof servers)[number];

/** Measured values of one server at one point. */
interface Sample {
  readonly rate: number;
  readonly cpuPer1000: number;
}

/** Runs the bench; `--runs n` repeats each point, `--only text` picks points by their name. */
export async function run(args: readonly string[]): Promise<void> {
  const runs = Number(argument(args, '--runs') ?? 3);
  const only = argument(args, '--only') ?? '';
  const load = fork(new URL('./load.js', import.meta.url));
  const processes = new Map<ServerName, Server>();
  for (const name of servers) processes.set(name, await startServer(name));
  try {
    for (const server of processes.values()) await warmUp(load, server);
    console.log(header());
    for (const point of points.filter((candidate) => candidate.name.includes(only))) {
      console.log(await measurePoint(point, runs, load, processes));
    }
    if ('durable'.includes(only)) for (const line of await measureDurable(runs, load)) console.log(line);
    if (!'idle'.includes(only)) return;
    for (const name of servers) console.log(await measureIdle(load, name));
  } finally {
    load.kill();
    for (const server of processes.values()) server.process.kill();
  }
}

interface Server {
  readonly process: ChildProcess;
  readonly port: number;
}

async function startServer(name: ServerName | 'durable'): Promise<Server> {
  const process = fork(new URL(`./server-${name}.js`, import.meta.url));
  const ended = once(process, 'exit').then(() => [undefined]);
  const [message] = (await Promise.race([once(process, 'message'), ended])) as [ServerMessage | undefined];
  if (message?.kind !== 'ready') throw new Error(`the server ${name} did not start`);
  return { process, port: message.port };
}

/** A program costs two or three times as much before it has been compiled. */
async function warmUp(load: ChildProcess, server: Server): Promise<void> {
  for (const mode of ['plain', 'pipelined'] as const) {
    await order(load, { ...plain, mode, port: server.port, messages: 8_000 });
  }
  await order(load, { ...plain, mode: 'once', port: server.port, messages: 500 });
}

async function measurePoint(
  point: Point,
  runs: number,
  load: ChildProcess,
  processes: ReadonlyMap<ServerName, Server>,
): Promise<string> {
  const samples: Record<ServerName, Sample[]> = { postroad: [], 'smtp-server': [], minimal: [] };
  for (let count = 0; count < runs; count++) {
    for (const [name, server] of processes) samples[name].push(await measure(point, load, server));
  }
  return row(
    point.name,
    medians(samples.postroad),
    medians(samples['smtp-server']),
    medians(samples.minimal),
  );
}

/** Durable accept: the whole server up to its queue on disk, beside the receiver that keeps nothing. */
async function measureDurable(runs: number, load: ChildProcess): Promise<string[]> {
  const names = ['durable', 'postroad'] as const;
  const processes = [await startServer(names[0]), await startServer(names[1])] as const;
  const lines: string[] = [];
  try {
    for (const server of processes) await order(load, { ...plain, port: server.port, messages: 4_000 });
    for (const mode of ['plain', 'pipelined'] as const) {
      const point = { ...plain, mode, name: `10 KB, 50, ${mode}`, messages: 6_000 };
      const samples: [Sample[], Sample[]] = [[], []];
      for (let count = 0; count < runs; count++) {
        samples[0].push(await measure(point, load, processes[0]));
        samples[1].push(await measure(point, load, processes[1]));
      }
      const [kept, dropped] = [medians(samples[0]), medians(samples[1])];
      const part = ((kept.rate / dropped.rate) * 100).toFixed(0);
      const cpu = `${kept.cpuPer1000.toFixed(3)} CPU s/1000 (${dropped.cpuPer1000.toFixed(3)} for nothing)`;
      lines.push(
        `durable, ${point.name}: ${kept.rate.toFixed(0)}/s, ${part} % of accept and discard, ${cpu}`,
      );
    }
  } finally {
    for (const server of processes) server.process.disconnect();
  }
  return lines;
}

/** The octets that one idle connection costs, said hello and waiting, in a process that has done nothing before. */
async function measureIdle(load: ChildProcess, name: ServerName): Promise<string> {
  const server = await startServer(name);
  const idle = { ...plain, mode: 'idle', port: server.port, messages: 0 } as const;
  await order(load, { ...idle, connections: 100 });
  const before = await use(server);
  await order(load, { ...idle, connections: idleConnections });
  const after = await use(server);
  server.process.kill();
  const octets = (after.residentBytes - before.residentBytes) / idleConnections;
  return `idle connection, ${name}: ${(octets / 1_024).toFixed(1)} KiB`;
}

async function measure(point: Point, load: ChildProcess, server: Server): Promise<Sample> {
  const before = await use(server);
  const result = await order(load, { ...point, port: server.port });
  const after = await use(server);
  if (result.failures > 0) throw new Error(`${result.failures} failures at ${point.name}`);
  return {
    rate: result.messages / result.seconds,
    cpuPer1000: ((after.cpuSeconds - before.cpuSeconds) / result.messages) * 1_000,
  };
}

async function order(load: ChildProcess, what: LoadOrder): Promise<LoadResult> {
  load.send(what);
  const [result] = (await once(load, 'message')) as [LoadResult];
  return result;
}

async function use(server: Server): Promise<{ cpuSeconds: number; residentBytes: number }> {
  server.process.send('use');
  const [message] = (await once(server.process, 'message')) as [ServerMessage];
  if (message.kind !== 'use') throw new Error('a server said something else');
  return message;
}

function medians(samples: readonly Sample[]): Sample {
  return {
    rate: median(samples.map((sample) => sample.rate)),
    cpuPer1000: median(samples.map((sample) => sample.cpuPer1000)),
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function header(): string {
  const columns = ['postroad', 'CPU s/1000', 'smtp-server', 'CPU', 'minimal', 'CPU', 'rate', 'CPU'];
  return `${'messages/s'.padEnd(30)}${columns.map((column) => column.padStart(12)).join('')}`;
}

function row(name: string, ours: Sample, theirs: Sample, ceiling: Sample): string {
  const cells = [ours, theirs, ceiling].flatMap((sample) => [
    sample.rate.toFixed(0),
    sample.cpuPer1000.toFixed(3),
  ]);
  cells.push(
    `${(ours.rate / theirs.rate).toFixed(2)} x`,
    `${(ours.cpuPer1000 / theirs.cpuPer1000).toFixed(2)} x`,
  );
  return `${name.padEnd(30)}${cells.map((cell) => cell.padStart(12)).join('')}`;
}

function argument(args: readonly string[], name: string): string | undefined {
  const index = args.indexOf(name);
  return index < 0 ? undefined : args[index + 1];
}
