/** Running a workload over some connections for a while. */
import { cpuMs } from './processes.js';
import type { Place, Workload } from './workloads.js';

/** What came out. */
export interface Measured {
  readonly perSecond: number;
  /** The median time of one, in milliseconds. */
  readonly medianMs: number;
  /** CPU time of the server for one, in microseconds. */
  readonly cpuMicros: number;
}

/** Runs a workload for so many milliseconds, after a warm-up of a third of it. */
export async function measure(
  workload: Workload,
  place: Place,
  connections: number,
  durationMs: number,
  pid: number,
): Promise<Measured> {
  const workers = await Promise.all(
    Array.from({ length: connections }, (_, number) => workload.prepare(place, number)),
  );
  try {
    await round(workers, durationMs / 3, 0);
    const before = await cpuMs(pid);
    const { times, tookMs } = await round(workers, durationMs, 1_000);
    const usedMs = (await cpuMs(pid)) - before;
    times.sort((a, b) => a - b);
    return {
      perSecond: (times.length * 1000) / tookMs,
      medianMs: times[Math.floor(times.length / 2)] ?? Number.NaN,
      cpuMicros: (usedMs * 1000) / times.length,
    };
  } finally {
    await Promise.all(workers.map((worker) => worker.close()));
  }
}

/** The middle of several measurements, each figure for itself. */
export function middleOf(measured: readonly Measured[]): Measured {
  const middle = (figure: keyof Measured) =>
    measured.map((one) => one[figure]).sort((a, b) => a - b)[measured.length >> 1] ?? Number.NaN;
  return { perSecond: middle('perSecond'), medianMs: middle('medianMs'), cpuMicros: middle('cpuMicros') };
}

async function round(
  workers: readonly Awaited<ReturnType<Workload['prepare']>>[],
  durationMs: number,
  from: number,
): Promise<{ times: number[]; tookMs: number }> {
  const times: number[] = [];
  const startedAt = performance.now();
  const endsAt = startedAt + durationMs;
  await Promise.all(
    workers.map(async (worker) => {
      for (let at = from; performance.now() < endsAt; at++) {
        const before = performance.now();
        await worker.once(at);
        times.push(performance.now() - before);
      }
    }),
  );
  return { times, tookMs: performance.now() - startedAt };
}
