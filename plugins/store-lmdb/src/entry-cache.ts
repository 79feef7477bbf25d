/** The entries of recently used mailboxes in memory, kept up with the commits of this process and of others. */
import { EntryIndex } from '@postroad/core';
import { LRUCache } from 'lru-cache';
import type { EntryDelta } from './change-records.js';
import { collectLogRow, decodeEntry } from './entry-codec.js';
import type { MailboxRecord } from './records.js';
import { pair, type Tables, viewOf } from './tables.js';

interface Cached {
  readonly index: EntryIndex;
  modSeq: number;
}

/** What the log says about a time. */
export interface LoggedChanges {
  readonly changed: Set<number>;
  readonly vanished: Set<number>;
}

/** Indexes of mailboxes, the least recently used dropped first when there are too many entries in all. */
export class EntryCache {
  readonly #tables: Tables;
  readonly #cache: LRUCache<number, Cached>;

  constructor(tables: Tables, entriesMax: number) {
    this.#tables = tables;
    this.#cache = new LRUCache({ maxSize: entriesMax, sizeCalculation: weight });
  }

  /** The index of a mailbox, brought up to the state that `mailbox` was read in. */
  index(mailbox: MailboxRecord): EntryIndex {
    const cached = this.#cache.get(mailbox.number);
    if (cached !== undefined && cached.modSeq >= mailbox.modSeq) return cached.index;
    if (cached !== undefined && cached.modSeq >= mailbox.logStart) {
      this.#catchUp(cached, mailbox);
      return cached.index;
    }
    const index = this.#load(mailbox.number);
    this.#cache.set(mailbox.number, { index, modSeq: mailbox.modSeq });
    return index;
  }

  /** The index if it is in memory in exactly that state. */
  current(mailbox: number, modSeq: number): EntryIndex | undefined {
    const cached = this.#cache.get(mailbox);
    return cached?.modSeq === modSeq ? cached.index : undefined;
  }

  /** Applies a committed change to what is in memory. */
  apply(delta: EntryDelta): void {
    const cached = this.#cache.peek(delta.mailbox);
    // One that is behind catches up from the log when it is next asked for; one that did so already is ahead.
    if (cached === undefined || cached.modSeq !== delta.fromModSeq) return;
    for (const entry of delta.set) cached.index.set(entry);
    cached.index.remove(delta.removed);
    cached.modSeq = delta.toModSeq;
    if (cached.index.size > weightLimit(this.#cache.maxSize)) this.#cache.delete(delta.mailbox);
    else this.#cache.set(delta.mailbox, cached);
  }

  forget(mailbox: number): void {
    this.#cache.delete(mailbox);
  }

  clear(): void {
    this.#cache.clear();
  }

  /** What the log says happened after `modSeq`; the caller knows that it reaches back that far. */
  logged(mailbox: number, modSeq: number): LoggedChanges {
    const changes = { changed: new Set<number>(), vanished: new Set<number>() };
    const range = { start: pair(mailbox, modSeq + 1), end: pair(mailbox + 1, 0) };
    for (const { value } of this.#tables.log.getRange(range)) {
      collectLogRow(value, changes.changed, changes.vanished);
    }
    return changes;
  }

  #catchUp(cached: Cached, mailbox: MailboxRecord): void {
    const { changed, vanished } = this.logged(mailbox.number, cached.modSeq);
    for (const uid of [...changed].sort((a, b) => a - b)) {
      const octets = viewOf(this.#tables.entries, pair(mailbox.number, uid));
      if (octets !== undefined) cached.index.set(decodeEntry(uid, octets));
    }
    cached.index.remove([...vanished]);
    cached.modSeq = mailbox.modSeq;
  }

  #load(mailbox: number): EntryIndex {
    const entries = [];
    const range = { start: pair(mailbox, 0), end: pair(mailbox + 1, 0) };
    for (const { key, value } of this.#tables.entries.getRange(range)) {
      entries.push(decodeEntry(key[1], value));
    }
    return new EntryIndex(entries);
  }
}

function weight(cached: Cached): number {
  // An empty mailbox takes room too.
  return cached.index.size + 10;
}

function weightLimit(maxSize: number): number {
  return maxSize - 10;
}
