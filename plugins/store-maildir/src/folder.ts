/** One mailbox of a Maildir in memory: entries with their files, counters, and commits that wait for the disk. */
import {
  EntryIndex,
  type Mailbox,
  type MailboxChanges,
  type MailboxEntry,
  type SpecialUse,
} from '@postroad/core';
import { baseOf } from './file-name.js';
import { type IndexedMessage, type IndexHeader, type IndexRow, indexedOf } from './folder-index.js';

/** Where a message is: the name of its file, and in which of the two directories. */
export interface MessageFile {
  readonly place: 'new' | 'cur';
  readonly name: string;
}

/** A message to add. `ownId` is its Message-ID, `file` where it stands; unknown ones wait for the next look. */
export interface NewFile {
  readonly entry: Omit<MailboxEntry, 'uid' | 'modSeq'>;
  readonly ownId: string | null;
  readonly file: MessageFile;
  /** Another program has seen it: it is not recent. */
  readonly isOld?: boolean;
}

/** Hears which entries come and go. */
export interface FolderWatcher {
  added(folder: Folder, entry: MailboxEntry, ownId: string | null): void;
  removed(folder: Folder, entry: MailboxEntry): void;
}

interface Known {
  readonly base: string;
  readonly ownId: string | null;
  file: MessageFile | undefined;
  isOld: boolean;
}

const uidMax = 2 ** 32 - 1;

/** The mailbox. Every method changes memory only and leaves a row in `pending`. */
export class Folder {
  readonly header: IndexHeader;
  readonly id: string;
  readonly accountId: string;
  name: string;
  /** The path of the directory with `new` and `cur`. */
  path: string;
  isRemoved = false;
  uidNext = 1;
  modSeq = 1;
  sizeBytes = 0;
  /** Commits that the index does not have yet. */
  pending: IndexRow[] = [];
  /** Rows that the index has. */
  rows = 0;
  readonly index = new EntryIndex();
  readonly #watcher: FolderWatcher;
  readonly #vanishedMax: number;
  readonly #known = new Map<number, Known>();
  readonly #uids = new Map<string, number>();
  #unseen = 0;
  #vanished: (readonly [modSeq: number, uid: number])[] = [];
  #forgottenUpTo = 0;
  /** The lowest UID that may be recent. */
  #firstRecent = 1;
  /** False for an index of a version that kept no such number: what stands in `cur` then counts as seen. */
  #knowsRecent = true;

  constructor(
    place: Pick<Folder, 'id' | 'accountId' | 'name' | 'path' | 'header'>,
    vanishedMax: number,
    watcher: FolderWatcher,
  ) {
    this.header = place.header;
    this.id = place.id;
    this.accountId = place.accountId;
    this.name = place.name;
    this.path = place.path;
    this.#vanishedMax = vanishedMax;
    this.#watcher = watcher;
  }

  get specialUse(): SpecialUse | null {
    return this.header.specialUse;
  }

  facts(isSubscribed: boolean): Mailbox {
    return {
      id: this.id,
      accountId: this.accountId,
      name: this.name,
      uidValidity: this.header.uidValidity,
      uidNext: this.uidNext,
      highestModSeq: this.modSeq,
      messages: this.index.size,
      unseen: this.#unseen,
      sizeBytes: this.sizeBytes,
      isSubscribed,
      ...(this.specialUse === null ? {} : { specialUse: this.specialUse }),
    };
  }

  /** The file of a message; `undefined` when it is not there, or was not found yet. */
  file(uid: number): MessageFile | undefined {
    return this.#known.get(uid)?.file;
  }

  base(uid: number): string | undefined {
    return this.#known.get(uid)?.base;
  }

  /** The Message-ID of a message. */
  ownId(uid: number): string | null {
    return this.#known.get(uid)?.ownId ?? null;
  }

  uidOf(base: string): number | undefined {
    return this.#uids.get(base);
  }

  /** The file has another name or place now. */
  moveFile(uid: number, file: MessageFile): void {
    const known = this.#known.get(uid);
    if (known !== undefined) known.file = file;
  }

  /** The file was found there. One that another program has moved out of `new` is not recent any more. */
  foundFile(uid: number, file: MessageFile): void {
    const known = this.#known.get(uid);
    if (known === undefined) return;
    const isMoved = known.file?.place === 'new' || (known.file === undefined && !this.#knowsRecent);
    known.isOld ||= isMoved && file.place === 'cur';
    known.file = file;
  }

  /** The lowest UID that is recent; see `MailboxStore.firstRecent`. */
  firstRecent(): number {
    for (;;) {
      const next = this.index.atOrAfter(this.#firstRecent);
      if (next === undefined || this.#known.get(next.uid)?.isOld !== true) return this.#firstRecent;
      this.#firstRecent = next.uid + 1;
    }
  }

  /** Messages up to a UID are recent no more: a row that is no change of the mailbox. */
  claimUpTo(uid: number): void {
    const first = Math.min(uid + 1, this.uidNext);
    if (first <= this.firstRecent()) return;
    this.#firstRecent = first;
    this.#commit({});
  }

  /** Whether commits wait of which those who watch the mailbox should hear. */
  get hasNews(): boolean {
    return this.pending.some((row) => (row.added ?? row.reflagged ?? row.removed) !== undefined);
  }

  /** Adds messages with new UIDs and one mod-sequence; returns the UIDs. Wished ones are taken where they go up. */
  append(added: readonly NewFile[], wishedUids: readonly (number | undefined)[] = []): readonly number[] {
    if (added.length === 0) return [];
    this.modSeq++;
    const rows: IndexedMessage[] = [];
    const { modSeq } = this;
    const uids = added.map(({ entry, ownId, file, isOld = false }, at) => {
      const wished = wishedUids[at];
      const uid = wished !== undefined && wished >= this.uidNext && wished < uidMax ? wished : this.uidNext;
      this.uidNext = uid + 1;
      const base = baseOf(file.name);
      this.#add({ ...entry, uid, modSeq }, { base, ownId, file, isOld });
      rows.push(indexedOf({ ...entry, uid, modSeq }, base, ownId));
      return uid;
    });
    this.#commit({ added: rows });
    return uids;
  }

  /** Gives messages new flags; returns the new entries. */
  reflag(changes: readonly (readonly [MailboxEntry, readonly string[]])[]): readonly MailboxEntry[] {
    if (changes.length === 0) return [];
    this.modSeq++;
    const entries = changes.map(([entry, flags]) => this.#reflag(entry, flags));
    this.#commit({ reflagged: entries.map(({ uid, flags }) => [uid, flags]) });
    return entries;
  }

  remove(entries: readonly MailboxEntry[]): void {
    if (entries.length === 0) return;
    this.modSeq++;
    this.#remove(entries);
    this.#commit({ removed: entries.map(({ uid }) => uid) });
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

  /** Takes what an index says into an empty folder. */
  load(rows: readonly IndexRow[]): void {
    for (const row of rows) {
      this.modSeq = row.modSeq;
      this.uidNext = row.uidNext;
      this.#firstRecent = row.firstRecent ?? this.#firstRecent;
      if (row.forgottenUpTo !== undefined) this.#forgottenUpTo = row.forgottenUpTo;
      if (row.vanished !== undefined) this.#vanished = [...row.vanished];
      for (const message of row.added ?? []) this.#addIndexed(message, row.modSeq);
      for (const [uid, flags] of row.reflagged ?? []) {
        const entry = this.index.get(uid);
        if (entry !== undefined) this.#reflag(entry, flags);
      }
      if (row.removed !== undefined) this.#remove(this.index.pick(row.removed));
    }
    this.rows = rows.length;
    this.#knowsRecent = rows.at(-1)?.firstRecent !== undefined;
  }

  /** All that is known, for an index written anew: messages by their mod-sequences. */
  allRows(): readonly IndexRow[] {
    const byModSeq = new Map<number, IndexedMessage[]>();
    for (const entry of this.index.all()) {
      const { base = '', ownId = null } = this.#known.get(entry.uid) ?? {};
      const row = indexedOf(entry, base, ownId);
      const rows = byModSeq.get(entry.modSeq);
      if (rows === undefined) byModSeq.set(entry.modSeq, [row]);
      else rows.push(row);
    }
    const { uidNext, modSeq } = this;
    const firstRecent = this.firstRecent();
    const messages = [...byModSeq].sort(([a], [b]) => a - b);
    return [
      ...messages.map(([modSeq, added]) => ({ modSeq, uidNext, added })),
      { modSeq, uidNext, firstRecent, vanished: this.#vanished, forgottenUpTo: this.#forgottenUpTo },
    ];
  }

  /** Forgets everything: the mailbox is gone. */
  clear(): void {
    this.isRemoved = true;
    for (const entry of this.index.all()) this.#watcher.removed(this, entry);
  }

  #commit(row: Omit<IndexRow, 'modSeq' | 'uidNext'>): void {
    const { modSeq, uidNext } = this;
    this.pending.push({ modSeq, uidNext, firstRecent: this.firstRecent(), ...row });
  }

  #addIndexed(message: IndexedMessage, modSeq: number): void {
    const [uid, base, messageId, threadId, ownId, sizeBytes, internalDateMs, savedAtMs, flags] = message;
    this.#add(
      { uid, modSeq, flags, messageId, threadId, sizeBytes, internalDateMs, savedAtMs },
      { base, ownId, file: undefined, isOld: false },
    );
  }

  #add(entry: MailboxEntry, known: Known): void {
    this.index.set(entry);
    this.#known.set(entry.uid, known);
    this.#uids.set(known.base, entry.uid);
    this.#count(entry, 1);
    this.#watcher.added(this, entry, known.ownId);
  }

  #reflag(entry: MailboxEntry, flags: readonly string[]): MailboxEntry {
    const changed = { ...entry, flags, modSeq: this.modSeq };
    this.#count(entry, -1);
    this.#count(changed, 1);
    this.index.set(changed);
    return changed;
  }

  #remove(entries: readonly MailboxEntry[]): void {
    for (const entry of entries) {
      const base = this.#known.get(entry.uid)?.base;
      if (base !== undefined && this.#uids.get(base) === entry.uid) this.#uids.delete(base);
      this.#known.delete(entry.uid);
      this.#count(entry, -1);
      this.#vanished.push([this.modSeq, entry.uid]);
      this.#watcher.removed(this, entry);
    }
    this.index.remove(entries.map(({ uid }) => uid));
    const last = this.#vanished[this.#vanished.length - this.#vanishedMax - 1];
    if (last === undefined) return;
    this.#forgottenUpTo = last[0];
    this.#vanished = this.#vanished.filter(([at]) => at > this.#forgottenUpTo);
  }

  #count(entry: Pick<MailboxEntry, 'sizeBytes' | 'flags'>, by: 1 | -1): void {
    this.sizeBytes += by * entry.sizeBytes;
    if (!entry.flags.includes('\\Seen')) this.#unseen += by;
  }
}
