/**
 * What a client has been told of its selected mailbox: the map between sequence numbers and UIDs (RFC 9051 section
 * 2.3.1.2). The store may be ahead; its changes are applied here and then told. An expunged message keeps its number
 * until the client has been told, which only some commands allow (RFC 9051 section 7.5.1).
 */
import { allRights, type Mailbox, type MailboxChanges, type MailboxEntry } from '@postroad/core';
import { type MessageSet, normalizeRanges, type Ranges } from '../protocol/index.js';

/** What to tell the client, with sequence numbers as they are when told in this order. */
export interface ViewNews {
  /** Sequence numbers of expunged messages, each valid after those before it are gone; and their UIDs, ascending. */
  readonly expunged: readonly number[];
  readonly expungedUids: readonly number[];
  /** The number of messages, when it grew. */
  readonly exists: number | undefined;
  /** Messages whose flags changed, as indexes after the expunges. */
  readonly changed: readonly number[];
  /** The first index of the messages that are new, after the expunges. */
  readonly newFrom: number;
  /** Whether a keyword came up that the client has not heard of. */
  readonly hasNewKeywords: boolean;
}

const backslash = 0x5c;

/** The view of one connection on its selected mailbox. */
export class View {
  readonly mailboxId: string;
  /** Whose mailbox it is. */
  readonly accountId: string;
  readonly name: string;
  readonly uidValidity: number;
  readonly isReadOnly: boolean;
  /** Up to which mod-sequence the store's changes are known. */
  modSeq: number;
  uidNext: number;
  /** Whether the store may know more than this view. */
  isStale = false;
  /** Whether the rights may be others than those known: they were given by somebody who may have changed them. */
  areRightsStale = false;
  readonly keywords: Set<string>;
  #entries: readonly MailboxEntry[];
  #isOwned = false;
  #told: number;
  readonly #ghosts = new Set<number>();
  readonly #changed = new Set<number>();
  /** Whether what this connection changes itself is remembered for `takeTouched`. */
  isTracking = false;
  readonly #touched = new Set<number>();
  #hasNewKeywords = false;
  /** UIDs of messages that are \Recent in this session, and whether others wait for what it claims. */
  readonly recent = new Set<number>();
  holdsRecent = false;

  /** What the client may do with the mailbox: letters of RFC 4314. */
  rights: string;

  constructor(
    mailbox: Mailbox,
    entries: readonly MailboxEntry[],
    isReadOnly: boolean,
    rights: string = allRights,
  ) {
    this.rights = rights;
    this.mailboxId = mailbox.id;
    this.accountId = mailbox.accountId;
    this.name = mailbox.name;
    this.uidValidity = mailbox.uidValidity;
    this.isReadOnly = isReadOnly;
    this.modSeq = mailbox.highestModSeq;
    this.uidNext = Math.max(mailbox.uidNext, (entries.at(-1)?.uid ?? 0) + 1);
    this.#entries = entries;
    this.#told = entries.length;
    this.keywords = new Set(collectKeywords(entries));
  }

  /** Whether the client has a right to the mailbox. */
  may(right: string): boolean {
    return this.rights.includes(right);
  }

  /** The number of messages, those expunged but not told included. */
  get count(): number {
    return this.#entries.length;
  }

  /** All entries; the sequence number is the index plus one. */
  get entries(): readonly MailboxEntry[] {
    return this.#entries;
  }

  get hasPendingExpunges(): boolean {
    return this.#ghosts.size > 0;
  }

  /** Whether the message has been expunged without the client knowing. */
  isGhost(uid: number): boolean {
    return this.#ghosts.has(uid);
  }

  /** The index of a UID, or -1. */
  indexOf(uid: number): number {
    const at = lowerBound(this.#entries, uid);
    return this.#entries[at]?.uid === uid ? at : -1;
  }

  /** The highest UID; 0 when there is none. */
  get lastUid(): number {
    return this.#entries.at(-1)?.uid ?? 0;
  }

  /** Indexes of a set of sequence numbers, ascending; `undefined` when it names messages that do not exist. */
  indexesOfSequence(ranges: Ranges): number[] | undefined {
    const count = this.#entries.length;
    const indexes: number[] = [];
    for (const [first, last] of normalizeRanges(ranges, count)) {
      // An empty mailbox has no `*`, but clients ask for 1:* whatever it holds.
      if (last > count || (first > count && count > 0)) return undefined;
      for (let number = Math.max(first, 1); number <= last; number++) indexes.push(number - 1);
    }
    return indexes;
  }

  /** Indexes of a set of UIDs, ascending; UIDs that do not exist are passed over. */
  indexesOfUids(ranges: Ranges): number[] {
    const indexes: number[] = [];
    for (const [first, last] of normalizeRanges(ranges, this.lastUid)) {
      let at = lowerBound(this.#entries, first);
      for (; at < this.#entries.length && (this.#entries[at] as MailboxEntry).uid <= last; at++)
        indexes.push(at);
    }
    return indexes;
  }

  /** Indexes of a message set; `undefined` when a sequence number does not exist. */
  resolve(set: MessageSet, isUid: boolean, saved: readonly number[]): number[] | undefined {
    if (set.kind === 'saved') return saved.map((uid) => this.indexOf(uid)).filter((index) => index >= 0);
    return isUid ? this.indexesOfUids(set.ranges) : this.indexesOfSequence(set.ranges);
  }

  /** Takes over an entry that this connection changed itself: it is not news. */
  replaceQuietly(entry: MailboxEntry): void {
    const at = this.indexOf(entry.uid);
    if (at < 0 || (this.#entries[at] as MailboxEntry).modSeq > entry.modSeq) return;
    this.#own()[at] = entry;
    this.#noteKeywords(entry);
    if (this.isTracking) this.#touched.add(entry.uid);
  }

  /** Indexes of the messages that this connection changed itself since it was asked last, ascending. */
  takeTouched(): number[] {
    if (this.#touched.size === 0) return [];
    const touched = [...this.#touched].map((uid) => this.indexOf(uid)).filter((index) => index >= 0);
    this.#touched.clear();
    return touched.sort((a, b) => a - b);
  }

  /** Takes over what changed in the store. */
  apply(changes: MailboxChanges): void {
    for (const uid of changes.vanished) if (this.indexOf(uid) >= 0) this.#ghosts.add(uid);
    for (const entry of changes.changed) this.#applyEntry(entry);
    this.modSeq = Math.max(this.modSeq, changes.highestModSeq);
    this.uidNext = Math.max(this.uidNext, changes.uidNext, this.lastUid + 1);
  }

  /** Takes over the whole content, when the store's log does not reach back far enough. */
  applyAll(entries: readonly MailboxEntry[], highestModSeq: number): void {
    const present = new Set(entries.map((entry) => entry.uid));
    for (const { uid } of this.#entries) if (!present.has(uid)) this.#ghosts.add(uid);
    for (const entry of entries) this.#applyEntry(entry);
    this.modSeq = Math.max(this.modSeq, highestModSeq);
    this.uidNext = Math.max(this.uidNext, this.lastUid + 1);
  }

  /** Everything that may be told now; telling it is the caller's duty. `undefined` when there is nothing. */
  takeNews(mayExpunge: boolean, hasFlags = true): ViewNews | undefined {
    const expunged: number[] = [];
    const expungedUids: number[] = [];
    if (mayExpunge && this.#ghosts.size > 0) this.#removeGhosts(expunged, expungedUids);
    const exists = this.#entries.length > this.#told ? this.#entries.length : undefined;
    const isChanged = hasFlags && this.#changed.size > 0;
    if (expungedUids.length === 0 && exists === undefined && !isChanged) {
      if (!this.#hasNewKeywords) return undefined;
    }
    const changed = isChanged ? this.#takeChanged() : [];
    const newFrom = Math.min(this.#told, this.#entries.length);
    this.#told = this.#entries.length;
    const hasNewKeywords = this.takeNewKeywords();
    return { expunged, expungedUids, exists, changed, newFrom, hasNewKeywords };
  }

  /** Whether there are keywords that FLAGS has not told yet; from now on it has. */
  takeNewKeywords(): boolean {
    const hasNewKeywords = this.#hasNewKeywords;
    this.#hasNewKeywords = false;
    return hasNewKeywords;
  }

  #takeChanged(): number[] {
    const changed = [...this.#changed].map((uid) => this.indexOf(uid)).filter((index) => index >= 0);
    this.#changed.clear();
    return changed.sort((a, b) => a - b);
  }

  #applyEntry(entry: MailboxEntry): void {
    const lastUid = this.lastUid;
    this.#noteKeywords(entry);
    if (entry.uid > lastUid) {
      this.#own().push(entry);
      return;
    }
    const at = this.indexOf(entry.uid);
    if (at < 0) return;
    const known = this.#entries[at] as MailboxEntry;
    if (known.modSeq >= entry.modSeq) return;
    this.#own()[at] = entry;
    // A message the client has not been told of yet brings its flags when it asks.
    if (at < this.#told) this.#changed.add(entry.uid);
  }

  /** Drops the ghosts; those the client has been told of become news, the others were never there. */
  #removeGhosts(expunged: number[], expungedUids: number[]): void {
    const kept: MailboxEntry[] = [];
    const entries = this.#entries;
    for (let at = 0; at < entries.length; at++) {
      const entry = entries[at] as MailboxEntry;
      if (!this.#ghosts.has(entry.uid)) kept.push(entry);
      else {
        this.recent.delete(entry.uid);
        if (at >= this.#told) continue;
        expunged.push(kept.length + 1);
        expungedUids.push(entry.uid);
      }
    }
    this.#entries = kept;
    this.#isOwned = true;
    this.#told -= expunged.length;
    this.#ghosts.clear();
  }

  #noteKeywords(entry: MailboxEntry): void {
    for (const flag of entry.flags) {
      if (flag.startsWith('\\') || this.keywords.has(flag)) continue;
      this.keywords.add(flag);
      this.#hasNewKeywords = true;
    }
  }

  /** The entries as an array that may be changed: those of the store may be shared. */
  #own(): MailboxEntry[] {
    if (!this.#isOwned) this.#entries = this.#entries.slice();
    this.#isOwned = true;
    return this.#entries as MailboxEntry[];
  }
}

/** The right that changing a flag needs (RFC 4314 section 2.1). */
export function rightOfFlag(flag: string): string {
  const folded = flag.toLowerCase();
  if (folded === '\\seen') return 's';
  return folded === '\\deleted' ? 't' : 'w';
}

/** Keywords of entries, kept as long as the store hands out the same array to further connections. */
const keywordsOf = new WeakMap<readonly MailboxEntry[], readonly string[]>();

function collectKeywords(entries: readonly MailboxEntry[]): readonly string[] {
  const known = keywordsOf.get(entries);
  if (known !== undefined) return known;
  const found = new Set<string>();
  let last: readonly string[] | undefined;
  for (const { flags } of entries) {
    // Equal flags of neighbours are often the same array.
    if (flags === last) continue;
    last = flags;
    for (const flag of flags) if (flag.charCodeAt(0) !== backslash) found.add(flag);
  }
  const keywords = [...found];
  keywordsOf.set(entries, keywords);
  return keywords;
}

function lowerBound(entries: readonly MailboxEntry[], uid: number): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((entries[middle] as MailboxEntry).uid < uid) low = middle + 1;
    else high = middle;
  }
  return low;
}
