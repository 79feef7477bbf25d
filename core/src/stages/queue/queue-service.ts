/** The `Queue` service: the store's lists and changes, made known to the running scheduler. */
import type { Queue } from '../../services/queue.js';
import type { QueueChange, QueueFilter, QueueStore } from '../../services/queue-store.js';

/** The service over a store; `kick` makes the scheduler look for work. */
export function createQueueService(store: QueueStore, nowMs: () => number, kick: () => void): Queue {
  const change = async (filter: QueueFilter, what: QueueChange): Promise<number> => {
    const changed = await store.change(filter, what);
    if (changed > 0) kick();
    return changed;
  };
  return {
    list: (filter, options) => store.range(filter, options),
    message: (id) => store.message(id),
    count: (filter) => store.count(filter),
    retry: (filter) => change(filter, { action: 'retry', nowMs: nowMs() }),
    hold: (filter, reason) => change(filter, { action: 'hold', reason }),
    release: (filter) => change(filter, { action: 'release', nowMs: nowMs() }),
    delete: (filter) => change(filter, { action: 'delete' }),
    change,
  };
}
