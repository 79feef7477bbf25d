/** The `Queue` service: the store's lists and changes, made known to the running scheduler. */
import type { Queue } from '../../services/queue.js';
import type { QueueChange, QueueFilter, QueueStore } from '../../services/queue-store.js';
import type { Dispatcher } from './dispatcher.js';

/** What the service is made of. */
export interface QueueServiceParts {
  readonly store: QueueStore;
  readonly dispatcher: Pick<Dispatcher, 'suspensions' | 'suspended' | 'timeline'>;
  nowMs(): number;
  /** Makes the scheduler look for work. */
  kick(): void;
}

/** The service. */
export function createQueueService({ store, dispatcher, nowMs, kick }: QueueServiceParts): Queue {
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
    bounce: (filter, reason) => change(filter, { action: 'bounce', reason, nowMs: nowMs() }),
    change,
    async suspend(target, options) {
      const suspension = await dispatcher.suspensions.add({ ...target, ...options, sinceMs: nowMs() });
      dispatcher.suspended(suspension);
      return suspension;
    },
    async resume(target) {
      if (!(await dispatcher.suspensions.remove(target))) return false;
      // Those of an account come by themselves: nothing in the store can be asked for by account.
      if (target.kind === 'site') await change({ site: target.value, state: 'waiting' }, retryAt(nowMs()));
      if (target.kind === 'domain')
        await change({ domain: target.value, state: 'waiting' }, retryAt(nowMs()));
      return true;
    },
    suspensions: async () => dispatcher.suspensions.list(),
    trace: async (query) => dispatcher.timeline.find(query),
  };
}

function retryAt(nowMs: number): QueueChange {
  return { action: 'retry', nowMs };
}
