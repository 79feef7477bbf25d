/**
 * The simulation's memory of what was promised and what happened, kept outside of everything that can crash. It is
 * here that the queue's promises are checked, at the moment when one is broken.
 */
import type { DsnDraft, DsnSubject } from '../../hooks/table.js';
import type {
  NewQueuedMessage,
  QueuedMessage,
  QueuedRecipient,
  Settlement,
} from '../../services/queue-store.js';
import { isToBeTold } from '../../stages/queue/notify-rules.js';

/** A promise was broken. */
export class BrokenPromise extends Error {}

/** See the file's comment. */
export interface Ledger {
  /** A client has its 250. */
  acknowledged(message: NewQueuedMessage): void;
  /** A peer has taken the message for this recipient; the scheduler may not hear of it. */
  taken(message: QueuedMessage, recipient: QueuedRecipient): void;
  /** The peer took it but said otherwise: a second copy is not the queue's fault. */
  lied(recipient: QueuedRecipient): void;
  /** The process died. */
  crashed(): void;
  /** A DSN was made. */
  dsnMade(dsn: NewQueuedMessage, kind: DsnDraft['kind'], subject: DsnSubject): void;
  /** The store has written this. */
  committed(settlements: readonly Settlement[], additions: readonly NewQueuedMessage[]): void;
  /** Whether it is known that the store has written this, or a part of it. */
  isWritten(settlements: readonly Settlement[], additions: readonly NewQueuedMessage[]): boolean;
  /** The message as its client was promised that it is kept. */
  promised(messageId: string): NewQueuedMessage | undefined;
  /** Checks at the end what is still in the store. */
  finish(left: readonly QueuedRecipient[]): void;
  readonly counts: {
    acknowledged: number;
    delivered: number;
    bounced: number;
    crashes: number;
    copies: number;
  };
}

interface Fate {
  readonly message: NewQueuedMessage;
  readonly index: number;
  taken: number;
  /** Crashes when it was last taken: a second copy needs one since. */
  takenAtCrash: number;
  isLie: boolean;
  isEnded: boolean;
  isAcknowledged: boolean;
  failures: number;
  delays: number;
}

/** An empty ledger. */
export function createLedger(): Ledger {
  const fates = new Map<string, Fate>();
  const dsns = new Map<string, { readonly kind: DsnDraft['kind']; readonly of: readonly string[] }>();
  const counts = { acknowledged: 0, delivered: 0, bounced: 0, crashes: 0, copies: 0 };
  const keyOf = (one: Pick<QueuedRecipient, 'messageId' | 'index'>): string =>
    `${one.messageId}/${one.index}`;

  function enter(message: NewQueuedMessage, isAcknowledged: boolean): void {
    message.recipients.forEach((_, index) => {
      const key = keyOf({ messageId: message.id, index });
      const known = fates.get(key);
      if (known !== undefined) {
        known.isAcknowledged ||= isAcknowledged;
        return;
      }
      fates.set(key, {
        message,
        index,
        taken: 0,
        takenAtCrash: 0,
        isLie: false,
        isEnded: false,
        isAcknowledged,
        failures: 0,
        delays: 0,
      });
    });
  }

  function ended(settlement: Settlement, additions: readonly NewQueuedMessage[]): void {
    const key = keyOf(settlement);
    const fate = fates.get(key);
    if (fate === undefined || settlement.to !== 'done') return;
    fate.isEnded = true;
    if (fate.taken > 0) {
      counts.delivered++;
      return;
    }
    counts.bounced++;
    const recipient = { ...fate.message.recipients[fate.index], index: fate.index } as QueuedRecipient;
    if (!isToBeTold(fate.message, recipient, 'failure')) return;
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
    taken(message, recipient) {
      const key = keyOf(recipient);
      // A crash may come between the store's commit and the client's 250: then it is known to the store only.
      if (!fates.has(key)) enter({ ...message, recipients: [] } as NewQueuedMessage, false);
      const fate = fates.get(key);
      if (fate === undefined) return;
      if (fate.isEnded) throw new BrokenPromise(`${key} was delivered after its end`);
      if (fate.taken > 0 && !fate.isLie && fate.takenAtCrash === counts.crashes) {
        throw new BrokenPromise(`${key} was delivered twice without a crash between`);
      }
      if (fate.taken > 0) counts.copies++;
      fate.taken++;
      fate.takenAtCrash = counts.crashes;
      fate.isLie = false;
    },
    lied(recipient) {
      const fate = fates.get(keyOf(recipient));
      if (fate !== undefined) fate.isLie = true;
    },
    crashed() {
      counts.crashes++;
    },
    dsnMade(dsn, kind, subject) {
      if (subject.message.reversePath === null) throw new BrokenPromise('a DSN about a null reverse-path');
      dsns.set(dsn.id, { kind, of: subject.recipients.map(({ recipient }) => keyOf(recipient)) });
    },
    committed(settlements, additions) {
      for (const settlement of settlements) ended(settlement, additions);
      for (const addition of additions) {
        enter(addition, true);
        const dsn = dsns.get(addition.id);
        for (const key of dsn?.of ?? []) {
          const fate = fates.get(key);
          if (fate === undefined) continue;
          if (dsn?.kind === 'failure' && ++fate.failures > 1) throw new BrokenPromise(`${key} failed twice`);
          if (dsn?.kind === 'delay' && ++fate.delays > 1) throw new BrokenPromise(`${key} was late twice`);
        }
      }
    },
    isWritten: (settlements, additions) =>
      settlements.some((one) => fates.get(keyOf(one))?.isEnded === true) ||
      additions.some(({ id }) => fates.has(keyOf({ messageId: id, index: 0 }))),
    promised: (messageId) => {
      const fate = fates.get(keyOf({ messageId, index: 0 }));
      return fate?.isAcknowledged === true ? fate.message : undefined;
    },
    finish(left) {
      const held = new Set(left.filter((one) => one.state === 'held').map(keyOf));
      const there = new Map(left.map((one) => [keyOf(one), one]));
      for (const [key, fate] of fates) {
        if (!fate.isAcknowledged || fate.isEnded || held.has(key)) continue;
        const recipient = there.get(key);
        if (recipient === undefined) throw new BrokenPromise(`${key} is lost`);
        throw new BrokenPromise(`${key} is ${recipient.state} after its lifetime`);
      }
    },
  };
}
