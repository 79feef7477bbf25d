/**
 * The queue on disk with a million waiting recipients: what accepting costs beside an empty queue, what memory it takes,
 * how long a start takes; then what one slow destination does to the others.
 */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type QueueStore, systemClock } from '@postroad/core';
import { createSeededRandom } from '@postroad/core/testing';
import { openLmdbQueueStore } from '@postroad/queue-lmdb';
import { accept, drainSome, fill, memory, silent } from './load.js';
import { slowDestination } from './slow-destination.js';

const services = { log: silent, clock: systemClock, random: createSeededRandom(process.pid) };

/** Runs it: `npm run bench -- queue --recipients 1000000 --destinations 10000`. */
export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      recipients: { type: 'string', default: '1000000' },
      destinations: { type: 'string', default: '10000' },
      messages: { type: 'string', default: '10000' },
      writers: { type: 'string', default: '50' },
      size: { type: 'string', default: '5000' },
      directory: { type: 'string', default: tmpdir() },
      phase: { type: 'string', default: 'all' },
    },
  });
  const load = {
    messages: Number(values.messages),
    writers: Number(values.writers),
    size: Number(values.size),
  };
  if (values.phase === 'reopen') return reopen(values.directory, load);
  if (values.phase === 'slow') return slowDestination();
  const directory = await mkdtemp(join(values.directory, 'postroad-bench-'));
  const full = join(directory, 'full');
  try {
    console.log(`memory at the start: ${memory()}`);
    const store = await open(full);
    await fill(store, Number(values.recipients), Number(values.destinations));
    console.log(`memory with ${values.recipients} recipients waiting: ${memory()}`);
    const empty = await open(join(directory, 'empty'));
    await compare(empty, store, load);
    await drainSome(store, 20_000);
    await store.close();
    await empty.close();
    const again = [process.argv[1] as string, 'queue', '--phase', 'reopen', '--directory', full];
    spawnSync(process.execPath, [...again, '--messages', values.messages, '--size', values.size], {
      stdio: 'inherit',
    });
  } finally {
    await rm(directory, { recursive: true });
  }
  await slowDestination();
}

interface Load {
  readonly messages: number;
  readonly writers: number;
  readonly size: number;
}

async function open(directory: string): Promise<QueueStore> {
  const store = await openLmdbQueueStore({ directory, ...services });
  await store.start('bench', 0);
  return store;
}

/** Turn by turn, because the disk is shared with whatever else runs; the first round warms up. */
async function compare(empty: QueueStore, full: QueueStore, load: Load): Promise<void> {
  const ratios: number[] = [];
  for (let round = 0; round < 6; round++) {
    const one = await accept(empty, 'empty queue, put and settle', load);
    const two = await accept(full, 'full queue, put and settle ', load);
    if (round > 0) ratios.push(two / one);
  }
  ratios.sort((a, b) => a - b);
  console.log(`full beside empty: ${((ratios[2] ?? 0) * 100).toFixed(0)} % (median of ${ratios.length})`);
}

/** What a fresh process needs until it can accept. */
async function reopen(directory: string, load: Load): Promise<void> {
  const from = performance.now();
  const store = await openLmdbQueueStore({ directory, ...services });
  const recovery = await store.start('bench again', 1);
  const startedMs = Math.round(performance.now() - from);
  const { recipients } = await store.count();
  console.log(`start with ${recipients} recipients: ${startedMs} ms, ${recovery.recovered} leases returned`);
  console.log(`memory of the fresh process: ${memory()}`);
  await accept(store, 'after the start, put and settle', load);
  console.log(`memory after that: ${memory()}`);
  await store.close();
}
