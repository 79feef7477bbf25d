/** A plugin that watches messages on their way, so that the story tells what happens when it happens. */
import {
  type Delivery,
  type DeliveryReport,
  definePlugin,
  type PluginUse,
  type RefusedEvent,
  type StoredEvent,
} from '@postroad/core';

/** What can be seen of a message's way. */
export type Sight =
  | { readonly kind: 'attempted'; readonly delivery: Delivery; readonly report: DeliveryReport }
  | { readonly kind: 'stored'; readonly event: StoredEvent }
  | { readonly kind: 'refused'; readonly event: RefusedEvent };

/** Sees what one server does. */
export interface Watcher {
  /** Name it in the server's plugins. */
  readonly plugin: PluginUse;
  /** Resolves with the next sight that `isIt` recognises; rejects when it takes too long. */
  next<S extends Sight>(isIt: (sight: Sight) => sight is S): Promise<S>;
}

const patienceMs = 15_000;

/** A watcher for one server. */
export function createWatcher(): Watcher {
  const waiting = new Set<(sight: Sight) => void>();
  const see = (sight: Sight) => {
    for (const look of [...waiting]) look(sight);
  };
  const plugin = definePlugin({
    name: 'observe-journey',
    description: 'Watches messages on their way.',
    setup({ tap }) {
      tap('attempted', (delivery, report) => see({ kind: 'attempted', delivery, report }));
      tap('stored', (event) => see({ kind: 'stored', event }));
      tap('refused', (event) => see({ kind: 'refused', event }));
    },
  });
  return {
    plugin: plugin(),
    next: (isIt) =>
      new Promise((resolve, reject) => {
        const tooLong = AbortSignal.timeout(patienceMs);
        const look = (sight: Sight) => {
          if (!isIt(sight)) return;
          waiting.delete(look);
          resolve(sight);
        };
        tooLong.addEventListener('abort', () => {
          waiting.delete(look);
          reject(new Error(`what was waited for did not happen in ${patienceMs / 1_000} seconds`));
        });
        waiting.add(look);
      }),
  };
}

/** A try to deliver to another server. */
export type Attempt = Extract<Sight, { kind: 'attempted' }>;

/** Recognises a try to deliver to another server. */
export function isAttempt(sight: Sight): sight is Attempt {
  return sight.kind === 'attempted' && sight.delivery.route.transport !== 'local';
}

/** Recognises one that went well. */
export function isDelivered(sight: Sight): sight is Attempt {
  return isAttempt(sight) && sight.report.outcomes.every(({ status }) => status === 'delivered');
}

/** Recognises a message that was filed in a mailbox. */
export function isStored(sight: Sight): sight is Extract<Sight, { kind: 'stored' }> {
  return sight.kind === 'stored';
}
