/** The plugin `queue-lmdb`. */
import { definePlugin, openedQueueStore, QueueStore } from '@postroad/core';
import { z } from 'zod';
import { openLmdbQueueStore } from './lmdb-queue-store.js';

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
  provides: [QueueStore],
  setup({ config: { directory }, provide, onStart, keep, log }) {
    let store: QueueStore | undefined;
    onStart(async () => {
      store = await keep(
        `queue-lmdb:${directory}`,
        () => openLmdbQueueStore({ directory, log }),
        (kept) => kept.close(),
      );
    });
    provide(
      QueueStore,
      openedQueueStore(() => store),
    );
  },
});
