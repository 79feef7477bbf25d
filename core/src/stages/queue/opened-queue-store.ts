/** A store that is provided in `setup` and opened in `onStart`. */
import { MailError } from '../../errors.js';
import type { QueueStore } from '../../services/queue-store.js';

/** One process alone has nobody who changes a fact meanwhile. */
async function exchange(
  store: QueueStore,
  name: string,
  was: string | undefined,
  fact: string | undefined,
): Promise<boolean> {
  if (store.exchange !== undefined) return await store.exchange(name, was, fact);
  await store.remember(name, fact);
  return true;
}

/** Hands every call to the store that `opened` gives; before it gives one, calls reject with `E_QUEUE_STORE`. */
export function openedQueueStore(opened: () => QueueStore | undefined): QueueStore {
  function on<T>(call: (store: QueueStore) => Promise<T>): Promise<T> {
    const now = opened();
    if (now !== undefined) return call(now);
    return Promise.reject(new MailError('E_QUEUE_STORE', 'the queue is not open yet'));
  }
  return {
    get isShared() {
      return opened()?.isShared === true;
    },
    isHeld: (recipients) => opened()?.isHeld?.(recipients) ?? true,
    sharers: () => opened()?.sharers?.() ?? 1,
    onWork: (listener) => opened()?.onWork?.(listener) ?? (() => undefined),
    start: (owner, nowMs) => on((store) => store.start(owner, nowMs)),
    put: (message, lease) => on((store) => store.put(message, lease)),
    lease: (request) => on((store) => store.lease(request)),
    settle: (owner, settlements, additions) => on((store) => store.settle(owner, settlements, additions)),
    nextDueAtMs: (exceptSites) => on((store) => store.nextDueAtMs(exceptSites)),
    message: (id) => on((store) => store.message(id)),
    range: (filter, options) => on((store) => store.range(filter, options)),
    change: (filter, change) => on((store) => store.change(filter, change)),
    count: (filter) => on((store) => store.count(filter)),
    remember: (name, fact) => on((store) => store.remember(name, fact)),
    recall: (name) => on((store) => store.recall(name)),
    exchange: (name, was, fact) => on((store) => exchange(store, name, was, fact)),
    // `keep` closes it when the last generation lets go.
    close: async () => {},
  };
}
