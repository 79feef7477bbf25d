/** A store that is provided in `setup` and opened in `onStart`. */
import { MailError } from '../../errors.js';
import type { QueueStore } from '../../services/queue-store.js';

/** Hands every call to the store that `opened` gives; before it gives one, calls reject with `E_QUEUE_STORE`. */
export function openedQueueStore(opened: () => QueueStore | undefined): QueueStore {
  const store = async (): Promise<QueueStore> => {
    const now = opened();
    if (now === undefined) throw new MailError('E_QUEUE_STORE', 'the queue is not open yet');
    return now;
  };
  return {
    get isShared() {
      return opened()?.isShared === true;
    },
    isHeld: (recipients) => opened()?.isHeld?.(recipients) ?? true,
    sharers: () => opened()?.sharers?.() ?? 1,
    onWork: (listener) => opened()?.onWork?.(listener) ?? (() => undefined),
    start: async (owner, nowMs) => (await store()).start(owner, nowMs),
    put: async (message, lease) => (await store()).put(message, lease),
    lease: async (request) => (await store()).lease(request),
    settle: async (owner, settlements, additions) => (await store()).settle(owner, settlements, additions),
    nextDueAtMs: async (exceptSites) => (await store()).nextDueAtMs(exceptSites),
    message: async (id) => (await store()).message(id),
    range: async (filter, options) => (await store()).range(filter, options),
    change: async (filter, change) => (await store()).change(filter, change),
    count: async (filter) => (await store()).count(filter),
    remember: async (name, fact) => (await store()).remember(name, fact),
    recall: async (name) => (await store()).recall(name),
    // `keep` closes it when the last generation lets go.
    close: async () => {},
  };
}
