/** The plugin `queue-lmdb`. */
import {
  Clock,
  definePlugin,
  type Logger,
  openedQueueStore,
  QueueStore,
  Random,
  Worker,
} from '@postroad/core';
import { z } from 'zod';
import { joinStores } from './joined-store.js';
import { openLmdbQueueStore } from './lmdb-queue-store.js';
import { shardsOf } from './shards.js';

const config = z.strictObject({
  directory: z
    .string()
    .min(1)
    .describe(
      'Where the queue is kept; made when missing. On one file system with the spool, so that files are linked.',
    ),
});

/** Keeps the queue on LMDB: what was acknowledged survives kill -9 and power loss. */
export const queueLmdb = definePlugin({
  name: 'queue-lmdb',
  description: 'Keeps the queue on LMDB; what was acknowledged survives kill -9 and power loss.',
  config,
  needs: { worker: Worker, clock: Clock, random: Random },
  provides: [QueueStore],
  setup({ config: { directory }, services, provide, onStart, keep, log }) {
    let store: QueueStore | undefined;
    onStart(async () => {
      store = await keep(
        `queue-lmdb:${directory}`,
        () => openShards(directory, { ...services, log }),
        (kept) => kept.close(),
      );
    });
    provide(
      QueueStore,
      openedQueueStore(() => store),
    );
  },
});

/** Opens the shards of this worker; all or none. */
async function openShards(
  directory: string,
  { worker, ...of }: { worker: Worker; clock: Clock; random: Random; log: Logger },
): Promise<QueueStore> {
  const stores: QueueStore[] = [];
  try {
    for (const shard of await shardsOf(directory, worker)) {
      stores.push(await openLmdbQueueStore({ directory: shard, ...of }));
    }
  } catch (error) {
    for (const store of stores) await store.close();
    throw error;
  }
  return joinStores(stores);
}
