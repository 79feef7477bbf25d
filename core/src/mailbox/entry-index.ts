/** The messages of one mailbox in memory, ascending by UID. */
import type { MailboxEntry } from '../services/mailbox-store.js';

/**
 * An ordered list of entries. What `all` returned is never changed afterwards: the list is copied before the next
 * change, but only if it was handed out.
 */
export class EntryIndex {
  #entries: MailboxEntry[];
  #isShared = false;

  /** Takes over `entries`, which are ascending by UID. */
  constructor(entries: MailboxEntry[] = []) {
    this.#entries = entries;
  }

  get size(): number {
    return this.#entries.length;
  }

  /** All entries; the array stays as it is. */
  all(): readonly MailboxEntry[] {
    this.#isShared = true;
    return this.#entries;
  }

  /** Entries with UIDs from `first` to `last` inclusive. */
  range(first: number, last: number): readonly MailboxEntry[] {
    const start = this.#place(first);
    const end = this.#place(last + 1);
    return start === 0 && end === this.#entries.length ? this.all() : this.#entries.slice(start, end);
  }

  get(uid: number): MailboxEntry | undefined {
    const entry = this.#entries[this.#place(uid)];
    return entry?.uid === uid ? entry : undefined;
  }

  /** The first entry whose UID is not below the given one. */
  atOrAfter(uid: number): MailboxEntry | undefined {
    return this.#entries[this.#place(uid)];
  }

  /** Those of the given UIDs that are there, in the same order. */
  pick(uids: readonly number[]): readonly MailboxEntry[] {
    const picked: MailboxEntry[] = [];
    for (const uid of uids) {
      const entry = this.get(uid);
      if (entry !== undefined) picked.push(entry);
    }
    return picked;
  }

  /** Entries with a mod-sequence above the given one. */
  changedSince(modSeq: number): readonly MailboxEntry[] {
    return this.#entries.filter((entry) => entry.modSeq > modSeq);
  }

  /** Adds an entry, or puts it in the place of the one with the same UID. */
  set(entry: MailboxEntry): void {
    const entries = this.#owned();
    const last = entries.at(-1);
    if (last === undefined || last.uid < entry.uid) {
      entries.push(entry);
      return;
    }
    const place = this.#place(entry.uid);
    entries.splice(place, entries[place]?.uid === entry.uid ? 1 : 0, entry);
  }

  /** Removes the entries with these UIDs. */
  remove(uids: readonly number[]): void {
    if (uids.length === 0) return;
    const gone = new Set(uids);
    this.#entries = this.#entries.filter((entry) => !gone.has(entry.uid));
    this.#isShared = false;
  }

  #owned(): MailboxEntry[] {
    if (this.#isShared) {
      this.#entries = this.#entries.slice();
      this.#isShared = false;
    }
    return this.#entries;
  }

  /** The place of the first entry whose UID is not below `uid`. */
  #place(uid: number): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#entries[middle] as MailboxEntry).uid < uid) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** UIDs ascending, each once. */
export function sortedUids(uids: readonly number[]): readonly number[] {
  for (let at = 1; at < uids.length; at++) {
    if ((uids[at - 1] as number) >= (uids[at] as number)) return [...new Set(uids)].sort((a, b) => a - b);
  }
  return uids;
}
