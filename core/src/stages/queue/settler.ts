/**
 * Writes what became of recipients. Everything that ends while a commit is on its way goes into the next one. A commit
 * that fails is tried again until the store takes it: an outcome that is forgotten would be a message delivered twice.
 */
import type { Clock } from '../../services/clock.js';
import type { Logger } from '../../services/logger.js';
import type { OutboxEvent } from '../../services/outbox.js';
import type { NewQueuedMessage, QueueStore, Settlement } from '../../services/queue-store.js';

/** What goes into one commit together: it is written whole or not at all. */
export interface SettlementBatch {
  readonly settlements: readonly Settlement[];
  readonly additions: readonly NewQueuedMessage[];
  /** What subscribers of the outbox are told; one message tells of a whole commit. */
  readonly outbox?: readonly OutboxEvent[];
}

/** See the file's comment. */
export interface Settler {
  /** Resolves once it is durable; never rejects. Resolves with `false` when `stop` was called before. */
  settle(batch: SettlementBatch): Promise<boolean>;
  /** Whether the store has refused the last commit: no new work should be begun. */
  readonly isFailing: boolean;
  /** Ends the retries; what is not written is left to the recovery at the next start. */
  stop(): void;
}

interface Waiting extends SettlementBatch {
  done(isDurable: boolean): void;
}

const retryDelayMsMin = 100;
const retryDelayMsMax = 30_000;

/** A settler over the store. */
export function createSettler(of: {
  readonly store: QueueStore;
  readonly owner: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called when such messages are in the store. */
  readonly added?: () => void;
  /** Messages that tell subscribers of events, to be put in with them. */
  readonly outbox?: (events: readonly OutboxEvent[]) => readonly NewQueuedMessage[];
}): Settler {
  let waiting: Waiting[] = [];
  let isWriting = false;
  let isFailing = false;
  const stopping = new AbortController();

  async function write(): Promise<void> {
    isWriting = true;
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      if (await tryCommit(batch)) continue;
      // One batch of many may be the reason; alone, the others can go on.
      for (const one of batch) await commitUntilDone(one);
    }
    isWriting = false;
  }

  async function tryCommit(batch: readonly Waiting[]): Promise<boolean> {
    const settlements = batch.flatMap((one) => one.settlements);
    const additions = batch.flatMap((one) => one.additions);
    const events = of.outbox === undefined ? [] : batch.flatMap((one) => one.outbox ?? []);
    if (events.length > 0) additions.push(...(of.outbox?.(events) ?? []));
    try {
      await of.store.settle(of.owner, settlements, additions);
    } catch (error) {
      isFailing = true;
      of.log.error('queue settlement failed', { error, settlements: settlements.length });
      return false;
    }
    isFailing = false;
    if (events.length > 0) of.added?.();
    for (const one of batch) one.done(true);
    return true;
  }

  async function commitUntilDone(one: Waiting): Promise<void> {
    let delayMs = retryDelayMsMin;
    while (!stopping.signal.aborted) {
      if (await tryCommit([one])) return;
      await of.clock.sleep(delayMs, stopping.signal).catch(ignoreAbort);
      delayMs = Math.min(delayMs * 2, retryDelayMsMax);
    }
    one.done(false);
  }

  return {
    settle(batch) {
      return new Promise((done) => {
        waiting.push({ ...batch, done });
        if (!isWriting) void write();
      });
    },
    get isFailing() {
      return isFailing;
    },
    stop() {
      stopping.abort();
    },
  };
}

/** The sleep ends early at a stop; the loop's condition sees it. */
function ignoreAbort(): void {}
