/** A queue in memory: for tests, and for servers that keep nothing. Nothing survives the process. */
import { MailError } from '../errors.js';
import type {
  Lease,
  LeaseRequest,
  NewQueuedMessage,
  QueueChange,
  QueueCounts,
  QueuedMessage,
  QueuedRecipient,
  QueueFilter,
  QueueStore,
  RecipientState,
  Settlement,
} from '../services/queue-store.js';
import { matchesFilter } from '../stages/queue/matches-filter.js';
import {
  changedRecipient,
  ignoredAdditions,
  isSettledBy,
  leasedRecipient,
  newRecipient,
  recoveredRecipient,
  settledRecipient,
} from '../stages/queue/recipient-transitions.js';
import { createDueIndex } from './due-index.js';

interface Entry {
  readonly message: QueuedMessage;
  readonly recipients: Map<number, QueuedRecipient>;
  /** What an operator wants of leased recipients. */
  readonly ordered: Map<number, QueueChange>;
}

/** A store in memory. It may be closed and started again: the recipients stay, as on a disk. */
export function createMemoryQueueStore(): QueueStore {
  const entries = new Map<string, Entry>();
  const facts = new Map<string, string>();
  const due = createDueIndex((one) => entries.get(one.messageId)?.recipients.get(one.index) === one);

  function store(recipient: QueuedRecipient): void {
    entries.get(recipient.messageId)?.recipients.set(recipient.index, recipient);
    if (recipient.state === 'ready' || recipient.state === 'waiting') due.add(recipient);
  }

  function remove(entry: Entry, index: number): void {
    entry.recipients.delete(index);
    entry.ordered.delete(index);
    if (entry.recipients.size > 0) return;
    entries.delete(entry.message.id);
    // `release` never rejects; the message is gone for good.
    void entry.message.body.release();
  }

  function update(entry: Entry, index: number, next: QueuedRecipient | undefined): void {
    if (next === undefined) remove(entry, index);
    else store(next);
  }

  function put(message: NewQueuedMessage, lease?: Lease): readonly QueuedRecipient[] {
    if (entries.has(message.id))
      throw new MailError('E_QUEUE_STORE', `message ${message.id} is queued already`);
    const recipients = message.recipients.map((_, index) => newRecipient(message, index, lease));
    if (recipients.length === 0) return recipients;
    const { recipients: _recipients, ...shared } = message;
    message.body.retain();
    entries.set(message.id, { message: shared, recipients: new Map(), ordered: new Map() });
    for (const recipient of recipients) store(recipient);
    return recipients;
  }

  function settle(owner: string, settlement: Settlement): void {
    const entry = entries.get(settlement.messageId);
    const recipient = entry?.recipients.get(settlement.index);
    if (entry === undefined || !isSettledBy(recipient, owner, settlement)) return;
    const ordered = entry.ordered.get(settlement.index);
    entry.ordered.delete(settlement.index);
    const settled = settledRecipient(recipient, settlement);
    const next =
      settled === undefined || ordered === undefined ? settled : changedRecipient(settled, ordered);
    update(entry, settlement.index, next);
  }

  function recoverLapsed(isLapsed: (recipient: QueuedRecipient) => boolean, nowMs: number): number {
    let recovered = 0;
    for (const entry of [...entries.values()]) {
      for (const recipient of [...entry.recipients.values()]) {
        if (recipient.state !== 'leased' || !isLapsed(recipient)) continue;
        const ordered = entry.ordered.get(recipient.index);
        entry.ordered.delete(recipient.index);
        const ready = recoveredRecipient(recipient, nowMs);
        update(entry, recipient.index, ordered === undefined ? ready : changedRecipient(ready, ordered));
        recovered++;
      }
    }
    return recovered;
  }

  let nextLapseMs = 0;
  function lease(request: LeaseRequest): readonly QueuedRecipient[] {
    if (request.nowMs >= nextLapseMs) {
      // Looking at every lease is dear, and leases end seldom.
      nextLapseMs = request.nowMs + lapseCheckMs;
      recoverLapsed((one) => one.dueAtMs <= request.nowMs, request.nowMs);
    }
    const perSite = new Map<string, number>();
    const leased: QueuedRecipient[] = [];
    due.due(request.nowMs, request.exceptSites, ({ recipient }) => {
      if (leased.length >= request.limit) return 'full';
      const count = perSite.get(recipient.site) ?? 0;
      if (count >= (request.perSiteMax ?? request.limit)) return 'siteFull';
      perSite.set(recipient.site, count + 1);
      const next = leasedRecipient(recipient, request.lease, request.nowMs);
      store(next);
      leased.push(next);
      return 'taken';
    });
    return leased;
  }

  function* all(filter: QueueFilter): Generator<{ entry: Entry; recipient: QueuedRecipient }> {
    const ids = filter.messageId === undefined ? [...entries.keys()].sort() : [filter.messageId];
    for (const id of ids) {
      const entry = entries.get(id);
      if (entry === undefined) continue;
      const recipients = [...entry.recipients.values()].sort((a, b) => a.index - b.index);
      for (const recipient of recipients) {
        if (matchesFilter(filter, recipient, () => entry.message)) yield { entry, recipient };
      }
    }
  }

  function change(filter: QueueFilter, wanted: QueueChange): number {
    let changed = 0;
    for (const { entry, recipient } of all(filter)) {
      if (recipient.state === 'leased') {
        entry.ordered.set(recipient.index, wanted);
        changed++;
        continue;
      }
      const next = changedRecipient(recipient, wanted);
      if (next === recipient) continue;
      update(entry, recipient.index, next);
      changed++;
    }
    return changed;
  }

  function count(filter: QueueFilter): QueueCounts {
    const byState: Record<RecipientState, number> = { ready: 0, waiting: 0, leased: 0, held: 0 };
    const messages = new Set<string>();
    let recipients = 0;
    for (const { recipient } of all(filter)) {
      byState[recipient.state]++;
      messages.add(recipient.messageId);
      recipients++;
    }
    return { messages: messages.size, recipients, byState };
  }

  return {
    async start(owner, nowMs) {
      return { recovered: recoverLapsed((one) => one.leaseOwner !== owner, nowMs), quarantined: [] };
    },
    put: async (message, lease) => put(message, lease),
    lease: async (request) => lease(request),
    async settle(owner, settlements, additions = []) {
      const ignored = ignoredAdditions(settlements, (one) =>
        isSettledBy(entries.get(one.messageId)?.recipients.get(one.index), owner, one),
      );
      const wanted = additions.filter((addition) => !ignored.has(addition.id));
      const known = wanted.find((addition) => entries.has(addition.id));
      if (known !== undefined) throw new MailError('E_QUEUE_STORE', `message ${known.id} is queued already`);
      for (const settlement of settlements) settle(owner, settlement);
      for (const addition of wanted) put(addition);
    },
    nextDueAtMs: async (exceptSites) => due.next(exceptSites),
    message: async (id) => entries.get(id)?.message,
    async range(filter, options) {
      const recipients: QueuedRecipient[] = [];
      for (const { recipient } of all(filter)) {
        if (options.after !== undefined && queueCursor(recipient) <= options.after) continue;
        if (recipients.length === options.limit) {
          return { recipients, next: queueCursor(recipients.at(-1) as QueuedRecipient) };
        }
        recipients.push(recipient);
      }
      return { recipients };
    },
    change: async (filter, wanted) => change(filter, wanted),
    count: async (filter = {}) => count(filter),
    async remember(name, fact) {
      if (fact === undefined) facts.delete(name);
      else facts.set(name, fact);
    },
    recall: async (name) => facts.get(name),
    async close() {},
  };
}

const lapseCheckMs = 1_000;

/** Where a recipient stands in the order of `range`. */
function queueCursor(recipient: QueuedRecipient): string {
  return `${recipient.messageId}/${recipient.index.toString().padStart(8, '0')}`;
}
