/** The `Queue` service: the store's lists and changes, made known to the running scheduler. */
import { MailError } from '../../errors.js';
import type { Queue } from '../../services/queue.js';
import type { QueueChange, QueueFilter, QueueStore } from '../../services/queue-store.js';
import type { Spool } from '../../services/spool.js';
import type { Dispatcher } from './dispatcher.js';
import { exportQueue, importQueue } from './queue-archive.js';
import { filterOf } from './suspensions.js';

/** What the service is made of. */
export interface QueueServiceParts {
  readonly store: QueueStore;
  readonly dispatcher: Pick<Dispatcher, 'suspensions' | 'suspend' | 'timeline' | 'resolve'>;
  /** Where imported messages are written. */
  readonly spool?: Spool | undefined;
  nowMs(): number;
  /** Makes the scheduler look for work. */
  kick(): void;
}

/** The service. */
export function createQueueService({ store, dispatcher, spool, nowMs, kick }: QueueServiceParts): Queue {
  const change = async (filter: QueueFilter, what: QueueChange): Promise<number> => {
    const changed = await store.change(filter, what);
    if (changed > 0) kick();
    return changed;
  };
  return {
    get isShared() {
      return store.isShared === true;
    },
    list: (filter, options) => store.range(filter, options),
    message: (id) => store.message(id),
    count: (filter) => store.count(filter),
    retry: (filter) => change(filter, { action: 'retry', nowMs: nowMs() }),
    hold: (filter, reason) => change(filter, { action: 'hold', reason }),
    release: (filter) => change(filter, { action: 'release', nowMs: nowMs() }),
    delete: (filter) => change(filter, { action: 'delete' }),
    bounce: (filter, reason) => change(filter, { action: 'bounce', reason, nowMs: nowMs() }),
    redirect: (filter, route) =>
      change(filter, { action: 'redirect', nowMs: nowMs(), ...(route === undefined ? {} : { route }) }),
    change,
    exportTo: (file, filter = {}) => exportQueue(store, filter, file),
    async importFrom(file) {
      if (spool === undefined) throw new MailError('E_STATE', 'this queue has no spool to import with');
      const imported = await importQueue(store, spool, file);
      kick();
      return imported;
    },
    async suspend(target, options) {
      const suspension = { ...target, ...options, sinceMs: nowMs() };
      await dispatcher.suspend(suspension);
      return suspension;
    },
    async resume(target) {
      if (!(await dispatcher.suspensions.remove(target))) return false;
      await change(filterOf(target), { action: 'retry', nowMs: nowMs() });
      return true;
    },
    resolve: (address, reversePath = null) => dispatcher.resolve(address, reversePath),
    suspensions: async () => dispatcher.suspensions.list(),
    trace: (query) => dispatcher.timeline.find(query),
  };
}
