/** What idle connections cost, in memory and in the others' time. */
import { type Load, measureOnce, median, type Point, type Sample, startLoad, warmUp } from './measure.js';
import { type BenchServer, ownServer } from './servers.js';
import { targetLine } from './table.js';

/** Held open, having said hello. */
const idleConnections = 5_000;
const rounds = 5;
const idle = { mode: 'idle', octets: 0, isDotted: false, durationMs: 0 } as const;
const busy: Point = {
  name: 'beside idle connections',
  mode: 'plain',
  connections: 10,
  octets: 10_240,
  isDotted: false,
  durationMs: 500,
};

/** Prints it for our receiver and, for comparison, for a bare smtp-server. */
export async function measureIdle(): Promise<void> {
  for (const name of ['postroad', 'smtp-server']) {
    const [load, holder] = [startLoad(), startLoad()];
    const server = await ownServer(name).start();
    try {
      await warmUp(load, [server], [busy]);
      const kib = (await octetsOfEach(holder, server)) / 1_024;
      const text = `${name}, an idle connection of ${idleConnections}`;
      console.log(targetLine({ text, measured: kib, wanted: 20, isMost: true, unit: 'KB' }));
      const { alone, beside } = await latencies(load, holder, server);
      console.log(
        `       ${name}, a message's time at 10 connections, median and 99 %: ${show(alone)} alone, ` +
          `${show(beside)} beside ${idleConnections} idle ones`,
      );
    } finally {
      await server.stop();
      load.stop();
      holder.stop();
    }
  }
}

/** Resident memory, with the buffers that the runtime keeps for the busy ones already there. */
async function octetsOfEach(holder: Load, server: BenchServer): Promise<number> {
  const before = await server.use();
  await holder.order({ ...idle, port: server.port, connections: idleConnections });
  const after = await server.use();
  return (after.residentBytes - before.residentBytes) / idleConnections;
}

/** In turns with and without the idle ones, which are there at the beginning. */
async function latencies(load: Load, holder: Load, server: BenchServer) {
  const beside: Sample[] = [];
  const alone: Sample[] = [];
  for (let round = 0; round < rounds; round++) {
    beside.push(await measureOnce(load, server, busy));
    await holder.order({ ...idle, port: server.port, connections: 0 });
    alone.push(await measureOnce(load, server, busy));
    await holder.order({ ...idle, port: server.port, connections: idleConnections });
  }
  return { beside, alone };
}

function show(samples: readonly Sample[]): string {
  const of = (pick: (sample: Sample) => number) => median(samples.map(pick)).toFixed(2);
  return `${of(({ latencyMs }) => latencyMs.median)} and ${of(({ latencyMs }) => latencyMs.p99)} ms`;
}
