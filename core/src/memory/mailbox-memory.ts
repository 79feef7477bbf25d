/** One mailbox of `store-memory`. */
import { EntryIndex } from '../mailbox/entry-index.js';
import type { Copied, Mailbox, MailboxChanges, MailboxEntry, SpecialUse } from '../services/mailbox-store.js';

/** What a mailbox is made of. */
export interface MailboxMemoryOptions {
  readonly id: string;
  readonly accountId: string;
  readonly name: string;
  readonly uidValidity: number;
  readonly specialUse?: SpecialUse | undefined;
  readonly isSubscribed: boolean;
  /** How many removed UIDs are remembered. */
  readonly vanishedMax: number;
}

/** An entry that has no UID and mod-sequence yet. */
export type NewEntry = Omit<MailboxEntry, 'uid' | 'modSeq'>;

/** A mailbox: every method is one change, made at once. */
export class MailboxMemory {
  readonly id: string;
  readonly accountId: string;
  readonly uidValidity: number;
  name: string;
  isSubscribed: boolean;
  uidNext = 1;
  /** The lowest UID that no session has claimed as `\Recent`. */
  firstRecent = 1;
  modSeq = 1;
  sizeBytes = 0;
  readonly index = new EntryIndex();
  readonly #specialUse: SpecialUse | undefined;
  readonly #vanishedMax: number;
  #vanished: (readonly [modSeq: number, uid: number])[] = [];
  #forgottenUpTo = 0;
  #unseen = 0;

  constructor(options: MailboxMemoryOptions) {
    this.id = options.id;
    this.accountId = options.accountId;
    this.name = options.name;
    this.uidValidity = options.uidValidity;
    this.isSubscribed = options.isSubscribed;
    this.#specialUse = options.specialUse;
    this.#vanishedMax = options.vanishedMax;
  }

  /** As it stands now. */
  facts(): Mailbox {
    return {
      id: this.id,
      accountId: this.accountId,
      name: this.name,
      uidValidity: this.uidValidity,
      uidNext: this.uidNext,
      highestModSeq: this.modSeq,
      messages: this.index.size,
      unseen: this.#unseen,
      sizeBytes: this.sizeBytes,
      isSubscribed: this.isSubscribed,
      ...(this.#specialUse === undefined ? {} : { specialUse: this.#specialUse }),
    };
  }

  /** Adds messages with new UIDs and one mod-sequence; returns the UIDs. */
  append(added: readonly NewEntry[]): readonly number[] {
    if (added.length > 0) this.modSeq++;
    return added.map((entry) => {
      const uid = this.uidNext++;
      this.index.set({ ...entry, uid, modSeq: this.modSeq });
      this.#count(entry, 1);
      return uid;
    });
  }

  /** Gives messages new flags; returns the new entries. */
  reflag(
    changes: readonly (readonly [entry: MailboxEntry, flags: readonly string[]])[],
  ): readonly MailboxEntry[] {
    if (changes.length > 0) this.modSeq++;
    return changes.map(([entry, flags]) => {
      const changed = { ...entry, flags, modSeq: this.modSeq };
      this.#count(entry, -1);
      this.#count(changed, 1);
      this.index.set(changed);
      return changed;
    });
  }

  remove(entries: readonly MailboxEntry[]): void {
    if (entries.length === 0) return;
    this.modSeq++;
    for (const entry of entries) {
      this.#count(entry, -1);
      this.#vanished.push([this.modSeq, entry.uid]);
    }
    this.index.remove(entries.map((entry) => entry.uid));
    this.#forget();
  }

  changes(modSeq: number): MailboxChanges {
    const isComplete = modSeq >= this.#forgottenUpTo;
    const vanished = isComplete ? this.#vanished.filter(([at]) => at > modSeq).map(([, uid]) => uid) : [];
    return {
      highestModSeq: this.modSeq,
      uidNext: this.uidNext,
      changed: this.index.changedSince(modSeq),
      vanished: vanished.sort((a, b) => a - b),
      isComplete,
    };
  }

  /** Forgets the oldest removals, whole changes at a time. */
  #forget(): void {
    const last = this.#vanished[this.#vanished.length - this.#vanishedMax - 1];
    if (last === undefined) return;
    this.#forgottenUpTo = last[0];
    this.#vanished = this.#vanished.filter(([at]) => at > this.#forgottenUpTo);
  }

  #count(entry: NewEntry, by: 1 | -1): void {
    this.sizeBytes += by * entry.sizeBytes;
    if (!entry.flags.includes('\\Seen')) this.#unseen += by;
  }
}

/** Copies of entries in another mailbox, with new UIDs; the messages are not counted here. */
export function copyEntries(
  source: MailboxMemory,
  found: readonly MailboxEntry[],
  target: MailboxMemory,
  savedAtMs: number,
): Copied {
  const uids = found.map((entry) => entry.uid);
  const targetUids = target.append(source.index.pick(uids).map((entry) => ({ ...entry, savedAtMs })));
  return {
    uidValidity: target.uidValidity,
    pairs: uids.map((uid, index) => [uid, targetUids[index] as number] as const),
  };
}
