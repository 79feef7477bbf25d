import type { Logger } from '@postroad/core';
import {
  BrokenPromise,
  createSeededRandom,
  type SimulatedStorage,
  simulateQueue,
} from '@postroad/core/testing';
import { expect, it } from 'vitest';
import type { BodyFiles } from '../src/body-files.js';
import { createQueueStore } from '../src/queue-store.js';
import { createSimulatedDisk, type SimulatedDisk } from './simulated-disk.js';

const first = Number(process.env.SEED ?? 1);
// A few each time; `SEEDS=2000` for the thorough run. However slow the machine is, it ends and says how far it came.
const seeds = process.env.SEED === undefined ? Number(process.env.SEEDS ?? 100) : 1;
const timeMsMax = process.env.SEEDS === undefined ? 8_000 : 20_000;
const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };

/** The real journal, its young layer and its recovery, over a disk that dies at any call and tears. */
function journaledStorage(seed: number, isHonest = true): SimulatedStorage {
  const random = createSeededRandom(seed);
  const disk = createSimulatedDisk(random);
  const between = (from: number, to: number): number => from + Math.floor(random.number() * (to - from));
  const limits = {
    segmentBytesMax: 64 * 4096,
    youngBytesMax: between(2_000, 60_000),
    youngMsMax: between(1_000, 600_000),
    partMax: between(1, 40),
  };
  return {
    callsPerWrite: 6,
    open: (process) =>
      createQueueStore({
        tables: disk.tables(process),
        disk: disk.journal(process),
        bodies: noFiles,
        limits,
        log,
        clock: process.clock,
        random,
        gather: async () => {},
      }),
    died() {
      if (random.number() < 0.5) disk.losePower();
      if (!isHonest) loseLastRecord(disk);
    },
  };
}

/** What was synced, and told as such, is torn all the same. */
function loseLastRecord({ files }: SimulatedDisk): void {
  const { cache } = [...files].sort(([a], [b]) => (a < b ? -1 : 1)).at(-1)?.[1] ?? {};
  if (cache === undefined) return;
  let end = cache.length;
  while (end > 0 && cache[end - 1] === 0) end--;
  cache.fill(0, Math.max(0, end - 64));
}

/** The simulation's bodies are small. */
const noFiles: BodyFiles = {
  take: () => Promise.reject(new Error('no body is to be a file')),
  fileOf: (id) => id,
  remove: async () => {},
  list: async () => [],
};

it('keeps the promises of the queue over a disk that dies at any call and tears', async () => {
  const total = { runs: 0, acknowledged: 0, delivered: 0, bounced: 0, crashes: 0, copies: 0 };
  const startedAtMs = performance.now();
  for (let seed = first; seed < first + seeds && performance.now() - startedAtMs < timeMsMax; seed++) {
    const run = simulateQueue({ seed, storage: () => journaledStorage(seed) });
    const { counts } = await run.catch((error: unknown) => {
      throw new Error(`the simulation failed; replay it with SEED=${seed}`, { cause: error });
    });
    total.runs++;
    for (const key of ['acknowledged', 'delivered', 'bounced', 'crashes', 'copies'] as const) {
      total[key] += counts[key];
    }
  }
  console.log('queue-lmdb simulation:', total);
  expect(total.runs).toBeGreaterThan(0);
  if (seeds === 1) return;
  // It proves nothing when nothing happens in it.
  expect(total.crashes).toBeGreaterThan(total.runs / 10);
  expect(total.delivered).toBeGreaterThan(total.runs);
}, 120_000);

it('notices a disk that loses a record which it has synced', async () => {
  let noticed: unknown;
  for (let seed = 1; seed <= 40 && noticed === undefined; seed++) {
    await simulateQueue({ seed, storage: () => journaledStorage(seed, false) }).catch((error: unknown) => {
      noticed = error;
    });
  }
  expect(noticed).toBeInstanceOf(BrokenPromise);
}, 60_000);
