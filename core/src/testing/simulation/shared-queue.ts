/**
 * The queue of the simulation of many nodes, as one database holds it: what `queue-postgres` promises, without SQL. Every
 * method is one transaction. Times of leases and of nodes are by the database's clock.
 */
import type {
  Lease,
  LeaseRequest,
  NewQueuedMessage,
  QueuedMessage,
  QueuedRecipient,
  Settlement,
} from '../../services/queue-store.js';
import {
  ignoredAdditions,
  isSettledBy,
  leasedRecipient,
  newRecipient,
  recoveredRecipient,
  settledRecipient,
} from '../../stages/queue/recipient-transitions.js';

interface Entry {
  readonly message: QueuedMessage;
  readonly recipients: Map<number, QueuedRecipient>;
}

/** What a settlement did. */
export interface Settled {
  /** Those that were not ignored. */
  readonly applied: readonly Settlement[];
  /** Those that were put in. */
  readonly added: readonly NewQueuedMessage[];
}

/** See the file's comment. */
export class SharedQueue {
  readonly #nowMs: () => number;
  readonly #entries = new Map<string, Entry>();
  readonly #members = new Map<string, { readonly name: string; seenAtMs: number }>();
  /** Ends of leases, by recipient. */
  readonly #leaseEnds = new Map<string, number>();

  readonly #isFenced: boolean;
  readonly #isTied: boolean;

  /** With `isFenced` or `isTied` false it breaks what it promises: to prove that the simulation notices. */
  constructor(nowMs: () => number, broken: { readonly isFenced?: boolean; readonly isTied?: boolean } = {}) {
    this.#nowMs = nowMs;
    this.#isFenced = broken.isFenced ?? true;
    this.#isTied = broken.isTied ?? true;
  }

  get nowMs(): number {
    return this.#nowMs();
  }

  /** A node says that it is there; whether it was not known. */
  beat(owner: string, name: string): boolean {
    const isNew = !this.#members.has(owner);
    this.#members.set(owner, { name, seenAtMs: this.#nowMs() });
    return isNew;
  }

  leave(owner: string): void {
    this.#members.delete(owner);
  }

  /** Removes nodes that are gone and gives back what no node holds; resolves with whether there was any. */
  sweep(nodeTimeoutMs: number, own?: { readonly owner: string; readonly name: string }): readonly string[] {
    const gone: string[] = [];
    for (const [owner, { name, seenAtMs }] of this.#members) {
      const isReplaced = own !== undefined && name === own.name && owner !== own.owner;
      if (seenAtMs >= this.#nowMs() - nodeTimeoutMs && !isReplaced) continue;
      this.#members.delete(owner);
      gone.push(owner);
    }
    this.#giveBack((one) => !this.#members.has(one.leaseOwner ?? ''));
    return gone;
  }

  put(message: NewQueuedMessage, lease: Lease | undefined, leaseEndsMs: number): readonly QueuedRecipient[] {
    const known = this.#entries.get(message.id);
    // Asked for again after a lost answer: it was done.
    if (known !== undefined) return [...known.recipients.values()];
    const recipients = message.recipients.map((_, index) => newRecipient(message, index, lease));
    this.#entries.set(message.id, { message, recipients: new Map() });
    for (const one of recipients) this.#store(one, leaseEndsMs);
    return recipients;
  }

  lease(request: LeaseRequest, leaseEndsMs: number): readonly QueuedRecipient[] {
    this.#giveBack((one) => (this.#leaseEnds.get(keyOf(one)) ?? 0) <= this.#nowMs());
    const perSite = new Map<string, number>();
    const due = [...this.#all()]
      .filter((one) => isParked(one) && one.dueAtMs <= request.nowMs && !request.exceptSites?.has(one.site))
      .sort((a, b) => a.dueAtMs - b.dueAtMs);
    const leased: QueuedRecipient[] = [];
    for (const one of due) {
      const count = perSite.get(one.site) ?? 0;
      if (leased.length >= request.limit || count >= (request.perSiteMax ?? request.limit)) continue;
      perSite.set(one.site, count + 1);
      const next = leasedRecipient(one, request.lease, request.nowMs);
      this.#store(next, leaseEndsMs);
      leased.push(next);
    }
    return leased;
  }

  settle(owner: string, settlements: readonly Settlement[], additions: readonly NewQueuedMessage[]): Settled {
    const ignored = ignoredAdditions(settlements, (one) => this.#isHeld(this.#find(one), owner, one));
    const applied = settlements.filter((settlement) => {
      const entry = this.#entries.get(settlement.messageId);
      const recipient = this.#find(settlement);
      if (entry === undefined || !this.#isHeld(recipient, owner, settlement)) return false;
      const next = settledRecipient(recipient, settlement);
      if (next === undefined) this.#remove(entry, recipient);
      else this.#store(next, 0);
      return true;
    });
    const added = additions.filter(({ id }) => !this.#isTied || !ignored.has(id));
    for (const addition of added) this.put(addition, undefined, 0);
    return { applied, added };
  }

  /** Whether the recipient is leased by this owner under this token. */
  isLeasedBy(recipient: QueuedRecipient, owner: string): boolean {
    const kept = this.#entries.get(recipient.messageId)?.recipients.get(recipient.index);
    return kept?.state === 'leased' && kept.leaseOwner === owner && kept.leaseToken === recipient.leaseToken;
  }

  nextDueAtMs(exceptSites?: ReadonlySet<string>): number | undefined {
    const times = [...this.#all()]
      .filter((one) => isParked(one) && exceptSites?.has(one.site) !== true)
      .map((one) => one.dueAtMs);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  message(id: string): QueuedMessage | undefined {
    return this.#entries.get(id)?.message;
  }

  recipients(): readonly QueuedRecipient[] {
    return [...this.#all()];
  }

  #find({ messageId, index }: Settlement): QueuedRecipient | undefined {
    return this.#entries.get(messageId)?.recipients.get(index);
  }

  #isHeld(
    recipient: QueuedRecipient | undefined,
    owner: string,
    settlement: Settlement,
  ): recipient is QueuedRecipient {
    return this.#isFenced ? isSettledBy(recipient, owner, settlement) : recipient !== undefined;
  }

  *#all(): Generator<QueuedRecipient> {
    for (const { recipients } of this.#entries.values()) yield* recipients.values();
  }

  #giveBack(which: (one: QueuedRecipient) => boolean): void {
    for (const one of [...this.#all()]) {
      if (one.state === 'leased' && which(one)) this.#store(recoveredRecipient(one, this.#nowMs()), 0);
    }
  }

  #store(recipient: QueuedRecipient, leaseEndsMs: number): void {
    this.#entries.get(recipient.messageId)?.recipients.set(recipient.index, recipient);
    if (recipient.state === 'leased') this.#leaseEnds.set(keyOf(recipient), leaseEndsMs);
    else this.#leaseEnds.delete(keyOf(recipient));
  }

  #remove({ message, recipients }: Entry, recipient: QueuedRecipient): void {
    recipients.delete(recipient.index);
    this.#leaseEnds.delete(keyOf(recipient));
    if (recipients.size === 0) this.#entries.delete(message.id);
  }
}

function isParked({ state }: QueuedRecipient): boolean {
  return state === 'ready' || state === 'waiting';
}

function keyOf({ messageId, index }: QueuedRecipient): string {
  return `${messageId}/${index}`;
}
