import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger, QueueStore } from '@postroad/core';
import { createSeededRandom, createVirtualClock, queueStoreContract } from '@postroad/core/testing';
import { openLmdbQueueStore } from './lmdb-queue-store.js';

const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const services = { log, clock: createVirtualClock(), random: createSeededRandom(1) };

queueStoreContract('lmdb', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'postroad-queue-'));
  const opened: QueueStore[] = [];
  const openAgain = async (): Promise<QueueStore> => {
    const store = await openLmdbQueueStore({ directory, ...services });
    opened.push(store);
    return store;
  };
  return {
    store: await openAgain(),
    reopen: openAgain,
    async remove() {
      for (const store of opened) await store.close();
      await rm(directory, { recursive: true });
    },
  };
});
