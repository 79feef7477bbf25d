/** The end of the receive stage: a message into the queue, and what subscribers of the outbox hear of it. */
import type { CompiledHooks } from '../hooks/compile.js';
import type { Clock } from '../services/clock.js';
import type { QueueStore } from '../services/queue-store.js';
import { acceptedEvents, type OwnedOutbox, refusedEvent } from '../stages/queue/outbox-messages.js';
import type { Scheduler } from '../stages/queue/scheduler.js';
import type { TakeMessageOptions } from '../stages/take-message.js';
import type { House } from './house.js';

/** How long the reply waits for the event to be durable: the message is. A store that fails is tried on. */
const announceMsMax = 10_000;

/** Into the store, leased to the scheduler when it has room; a generation that drains leaves the work to the next. */
export function enqueueWith(of: {
  readonly house: House;
  readonly store: QueueStore;
  readonly scheduler: Scheduler;
}): TakeMessageOptions['enqueue'] {
  const { house, store, scheduler } = of;
  return async (message, findings) => {
    const recipients = await store.put(message, scheduler.lease(message.recipients.length));
    scheduler.accept(message, recipients, findings);
    if (house.scheduler !== scheduler) house.scheduler?.kick();
    // Before 250 is said: who was told 250 is told of to those who want to know, whatever happens then.
    const announced = scheduler.announce(() => acceptedEvents(message, house.clock.now()));
    if (announced !== undefined) await withLimit(announced, house.clock);
    return recipients;
  };
}

/** The hooks, with a word to subscribers of the outbox at each refusal. It is written after the reply. */
export function tellingRefusals(
  hooks: CompiledHooks,
  outbox: OwnedOutbox,
  scheduler: Pick<Scheduler, 'announce'>,
  clock: Clock,
): CompiledHooks {
  if (outbox.subscriptions.length === 0) return hooks;
  let refusals = 0;
  return {
    ...hooks,
    refused(event) {
      const number = refusals++;
      void scheduler.announce(() => [refusedEvent(event, number, clock.now())]);
      return hooks.refused?.(event);
    },
  };
}

function withLimit(work: Promise<void>, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.after(announceMsMax, resolve);
    void work.finally(() => {
      timer.cancel();
      resolve();
    });
  });
}
