/** The plugin `queue-memory`. */
import { definePlugin } from '../plugin/define.js';
import { QueueStore } from '../services/queue-store.js';
import { openedQueueStore } from '../stages/queue/opened-queue-store.js';
import { createMemoryQueueStore } from './memory-queue-store.js';

/** Keeps the queue in memory: mail that is queued when the process ends is lost. For tests and sinks. */
export const queueMemory = definePlugin({
  name: 'queue-memory',
  description: 'Keeps the queue in memory; nothing survives the process.',
  provides: [QueueStore],
  setup({ provide, onStart, keep }) {
    let store: QueueStore | undefined;
    onStart(async () => {
      store = await keep(
        'queue-memory',
        async () => createMemoryQueueStore(),
        (kept) => kept.close(),
      );
    });
    provide(
      QueueStore,
      openedQueueStore(() => store),
    );
  },
});
