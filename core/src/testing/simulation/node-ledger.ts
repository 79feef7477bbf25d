/**
 * What was promised and what happened, for many nodes. A second copy is no fault of the queue only when a node
 * died or was declared gone while the try was under way: that is the window which is documented. A second report about one
 * failure always is.
 */
import type { DsnDraft, DsnSubject } from '../../hooks/table.js';
import type {
  NewQueuedMessage,
  QueuedMessage,
  QueuedRecipient,
  Settlement,
} from '../../services/queue-store.js';
import { isToBeTold } from '../../stages/queue/notify-rules.js';
import { BrokenPromise, type Ledger } from './ledger.js';

/** A ledger that knows when tries began. */
export interface NodeLedger extends Omit<Ledger, 'promised'> {
  /** A try for these recipients begins. */
  begun(recipients: readonly QueuedRecipient[]): void;
  /** Whether every acknowledged recipient has ended. */
  readonly isDone: boolean;
}

interface Fate {
  readonly message: QueuedMessage;
  readonly recipient: QueuedRecipient;
  isAcknowledged: boolean;
  /** What had been lost when the first try began that was taken. */
  takenSince: number | undefined;
  isReported: boolean;
  isLie: boolean;
  isEnded: boolean;
}

/** An empty ledger. */
export function createNodeLedger(): NodeLedger {
  const fates = new Map<string, Fate>();
  const dsns = new Map<string, { readonly kind: DsnDraft['kind']; readonly of: readonly string[] }>();
  const begunAt = new WeakMap<QueuedRecipient, number>();
  const counts = { acknowledged: 0, delivered: 0, bounced: 0, crashes: 0, copies: 0 };

  function enter(message: NewQueuedMessage, isAcknowledged: boolean): void {
    message.recipients.forEach((one, index) => {
      const key = `${message.id}/${index}`;
      const known = fates.get(key);
      if (known !== undefined) {
        known.isAcknowledged ||= isAcknowledged;
        return;
      }
      const recipient = { ...one, messageId: message.id, index } as unknown as QueuedRecipient;
      const nothing = { takenSince: undefined, isReported: false, isLie: false, isEnded: false };
      fates.set(key, { message, recipient, isAcknowledged, ...nothing });
    });
  }

  function requireLoss(since: number | undefined, what: string): void {
    if (since !== undefined && counts.crashes === since) throw new BrokenPromise(what);
  }

  function ended(settlement: Settlement, additions: readonly NewQueuedMessage[]): void {
    const key = keyOf(settlement);
    const fate = fates.get(key);
    if (fate === undefined || settlement.to !== 'done') return;
    fate.isEnded = true;
    if (fate.takenSince !== undefined) {
      counts.delivered++;
      return;
    }
    counts.bounced++;
    if (!isToBeTold(fate.message, fate.recipient, 'failure')) return;
    const isTold = additions.some((one) => {
      const dsn = dsns.get(one.id);
      return dsn?.kind === 'failure' && dsn.of.includes(key);
    });
    if (!isTold) throw new BrokenPromise(`${key} ended, undelivered, and nobody was told`);
  }

  return {
    counts,
    acknowledged(message) {
      counts.acknowledged += message.recipients.length;
      enter(message, true);
    },
    begun(recipients) {
      for (const one of recipients) begunAt.set(one, counts.crashes);
    },
    taken(message, recipient) {
      const key = keyOf(recipient);
      // Its client may not have heard 250, because the answer was lost.
      if (!fates.has(key)) return;
      const fate = fates.get(key) as Fate;
      const since = begunAt.get(recipient) ?? counts.crashes;
      if (fate.takenSince !== undefined || fate.isEnded) {
        const first = Math.min(fate.takenSince ?? since, since);
        if (!fate.isLie)
          requireLoss(first, `${key} of ${message.id} was delivered twice, and nothing was lost between`);
        counts.copies++;
      }
      fate.takenSince = Math.min(fate.takenSince ?? since, since);
      fate.isLie = false;
    },
    lied(recipient) {
      const fate = fates.get(keyOf(recipient));
      if (fate !== undefined) fate.isLie = true;
    },
    crashed() {
      counts.crashes++;
    },
    dsnMade(dsn, kind, subject: DsnSubject) {
      if (subject.message.reversePath === null) throw new BrokenPromise('a DSN about a null reverse-path');
      dsns.set(dsn.id, { kind, of: subject.recipients.map(({ recipient }) => keyOf(recipient)) });
    },
    committed(settlements, additions) {
      for (const settlement of settlements) ended(settlement, additions);
      for (const addition of additions) {
        enter(addition, true);
        const dsn = dsns.get(addition.id);
        if (dsn?.kind !== 'failure') continue;
        for (const key of dsn.of) {
          const fate = fates.get(key);
          if (fate === undefined) continue;
          // The report is put in by the commit that ends the recipient, or not at all: whatever is lost, there is one.
          if (fate.isReported) throw new BrokenPromise(`${key} was reported as failed twice`);
          fate.isReported = true;
        }
      }
    },
    isWritten: (settlements, additions) =>
      settlements.some((one) => fates.get(keyOf(one))?.isEnded === true) ||
      additions.some(({ id }) => fates.has(`${id}/0`)),
    finish(left) {
      const there = new Map(left.map((one) => [keyOf(one), one]));
      for (const [key, fate] of fates) {
        if (!fate.isAcknowledged || fate.isEnded) continue;
        const state = there.get(key)?.state;
        if (state === 'held') continue;
        throw new BrokenPromise(
          state === undefined ? `${key} is lost` : `${key} is ${state} after its lifetime`,
        );
      }
    },
    get isDone() {
      return [...fates.values()].every((fate) => !fate.isAcknowledged || fate.isEnded);
    },
  };
}

function keyOf(one: Pick<QueuedRecipient, 'messageId' | 'index'>): string {
  return `${one.messageId}/${one.index}`;
}
