/**
 * The scheduler: takes recipients that are due from the store, sorts them by site, lets sites take turns, and writes
 * what became of them. It does no I/O but through the store and the policy, and knows the time only by its clock, so
 * that a simulation can drive it. What it holds in memory is bounded by `leasedMax`, whatever the queue's depth.
 */
import type { Clock } from '../../services/clock.js';
import type { Logger } from '../../services/logger.js';
import type { MessageHistory } from '../../services/message-history.js';
import type { Metrics } from '../../services/metrics.js';
import type { OutboxEvent } from '../../services/outbox.js';
import type { Queue } from '../../services/queue.js';
import type {
  Lease,
  QueuedMessage,
  QueuedRecipient,
  QueueRecovery,
  QueueStore,
} from '../../services/queue-store.js';
import type { Random } from '../../services/random.js';
import type { Spool } from '../../services/spool.js';
import type { Finding } from '../../values/finding.js';
import { createDispatcher } from './dispatcher.js';
import { createFetcher } from './fetcher.js';
import type { OwnedOutbox } from './outbox-messages.js';
import { createQueueService } from './queue-service.js';
import type { SchedulerOptions } from './scheduler-options.js';
import type { SchedulerPolicy } from './scheduler-policy.js';
import { watchSuspensions } from './watch-suspensions.js';

/** What a scheduler is made of. */
export interface SchedulerParts {
  readonly store: QueueStore;
  readonly policy: SchedulerPolicy;
  readonly clock: Clock;
  readonly random: Random;
  readonly options: SchedulerOptions;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Unique to this process run. */
  readonly owner: string;
  /** Who is told of events; nobody by default. */
  readonly outbox?: OwnedOutbox;
  /** Who keeps what happened; only the last messages are remembered without. */
  readonly history?: MessageHistory | undefined;
  /** Needed for imports. */
  readonly spool?: Spool;
}

/** Works the queue. */
export interface Scheduler {
  /** The operations for plugins and commands. */
  readonly queue: Queue;
  /** Lets the store recover, then begins to deliver. `E_QUEUE_STORE` when the store can't be read. */
  start(): Promise<QueueRecovery>;
  /**
   * The lease to give to `store.put` for a message with so many recipients, so that they are tried without asking the
   * store again; `undefined` when the scheduler has its hands full, is not started or is draining: put without one.
   */
  lease(recipients: number): Lease | undefined;
  /**
   * Takes over what `store.put` gave, whatever the states of the recipients. Keeps the body as long as it needs it. The
   * findings are for the message's timeline.
   */
  accept(message: QueuedMessage, recipients: readonly QueuedRecipient[], findings?: readonly Finding[]): void;
  /** Tells subscribers of the outbox; resolves once that is durable. `undefined` when nobody wants any of the events. */
  announce(events: () => readonly OutboxEvent[]): Promise<void> | undefined;
  /** Something has come into the store or changed in it. */
  kick(): void;
  /**
   * Begins no more deliveries, gives back what has not begun, and waits for the others until the deadline; then their
   * signals abort and they count as not ended. Resolves when everything that has ended is durable.
   */
  drain(deadlineMs: number): Promise<void>;
}

/** Makes a scheduler; it does nothing before `start`. */
export function createScheduler(parts: SchedulerParts): Scheduler {
  const { store, clock, options, owner } = parts;
  let isRunning = false;
  // The owner is the same after a reload, and there are two schedulers while the old one drains.
  const series = `${owner}/${clock.now().toString(36)}`;
  let leases = 0;
  let stopListening: (() => void) | undefined;
  let stopWatching: (() => void) | undefined;
  const lease = (): Lease => ({
    owner,
    untilMs: clock.now() + options.leaseMs,
    token: `${series}-${++leases}`,
  });
  const dispatcher = createDispatcher(parts, {
    changed: (hint) => fetcher.changed(hint),
    isRunning: () => isRunning,
  });
  const fetcher = createFetcher(parts, {
    lease,
    dispatcher,
    isRunning: () => isRunning,
  });
  return {
    queue: createQueueService({
      store,
      dispatcher,
      spool: parts.spool,
      nowMs: () => clock.now(),
      kick: () => fetcher.changed({ isMore: true }),
    }),
    async start() {
      const recovery = await store.start(owner, clock.now());
      if (recovery.recovered > 0)
        parts.log.info('queue recovered leases', { recipients: recovery.recovered });
      for (const record of recovery.quarantined) parts.log.error('queue record set aside', { record });
      await dispatcher.suspensions.load();
      isRunning = true;
      if (store.isShared === true) stopWatching = watchSuspensions(parts, dispatcher.suspensions);
      stopListening = store.onWork?.(() => fetcher.changed({ isMore: true }));
      fetcher.changed({ isMore: true });
      return recovery;
    },
    lease(recipients) {
      if (!isRunning || !dispatcher.hasRoom(recipients)) return undefined;
      return lease();
    },
    accept(message, recipients, findings) {
      dispatcher.timeline.begin(message, true, findings);
      const leased = recipients.filter((one) => one.state === 'leased' && one.leaseOwner === owner);
      if (leased.length > 0) dispatcher.take(message, leased);
      if (leased.length === recipients.length) return;
      const others = recipients.filter((one) => one.state === 'ready' || one.state === 'waiting');
      for (const one of others) fetcher.changed({ dueAtMs: one.dueAtMs });
    },
    announce: (events) => dispatcher.announce(events),
    kick: () => fetcher.changed({ isMore: true }),
    async drain(deadlineMs) {
      isRunning = false;
      stopListening?.();
      stopWatching?.();
      fetcher.stop();
      await dispatcher.drain(deadlineMs);
    },
  };
}
