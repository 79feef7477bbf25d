/**
 * One change of the store: it reads what it needs, decides, and only then is written, so that one that throws has done
 * nothing. Changes of a group see each other's records through the group before anything is committed.
 */
import { type ChangeNotice, KeywordSpelling, type MailboxEntry, MailError } from '@postroad/core';
import {
  type ChangeEnvironment,
  type Counters,
  type EntryDelta,
  type GroupRecords,
  isSameRecord,
  type NewEntry,
  type Working,
  workOn,
} from './change-records.js';
import { decodeEntry, encodeEntry, encodeLogRow } from './entry-codec.js';
import { type AccountRecord, accountKey, formatId, type MailboxRecord } from './records.js';
import { pair, viewOf } from './tables.js';

type Write = () => void;

const uidMax = 2 ** 32 - 1;
/** Old log rows removed in one go: a few more than a change adds. */
const logTrimRows = 64;

/** A change being made. Records it hands out are its own copies and may be altered. */
export class Change {
  readonly environment: ChangeEnvironment;
  readonly deltas = new Map<number, EntryDelta>();
  /** Accounts whose list of mailboxes changed, and mailboxes whose content did. */
  readonly lists = new Set<string>();
  readonly contents = new Map<number, string>();
  /** Whose annotations changed. */
  readonly annotated: ChangeNotice[] = [];
  /** Body files that nobody refers to any more once this is committed. */
  readonly freedFiles: string[] = [];
  /** Messages that are gone once this is committed. */
  readonly freedMessages: number[] = [];
  readonly #group: GroupRecords;
  readonly #accounts = new Map<string, Working<AccountRecord>>();
  readonly #mailboxes = new Map<number, Working<MailboxRecord>>();
  readonly #counters: Counters;
  readonly #writes: Write[] = [];
  /** What earlier steps of this change will write, for the later ones that read it. */
  readonly #pending = new Map<string, unknown>();
  #isCancelled = false;

  constructor(environment: ChangeEnvironment, group: GroupRecords) {
    this.environment = environment;
    this.#group = group;
    this.#counters = { ...group.counters };
  }

  next(kind: keyof Counters): number {
    return ++this.#counters[kind];
  }

  /** Something to be written when the change is complete. */
  write(write: Write): void {
    this.#writes.push(write);
  }

  /** Reads what an earlier step of this change wrote under that name, or asks `stored`. */
  read<T>(name: string, stored: () => T): T {
    return this.#pending.has(name) ? (this.#pending.get(name) as T) : stored();
  }

  /** Remembers a value for later steps of this change. */
  remember(name: string, value: unknown): void {
    this.#pending.set(name, value);
  }

  accountRecord(accountId: string): AccountRecord | undefined {
    const key = accountKey(accountId);
    let working = this.#accounts.get(key);
    if (working === undefined) {
      working = workOn(this.#group.accounts.get(key) ?? this.environment.tables.accounts.get(key));
      this.#accounts.set(key, working);
    }
    return working.record;
  }

  addAccount(accountId: string): AccountRecord {
    const record: AccountRecord = {
      number: this.next('account'),
      lastUidValidity: 0,
      limitBytes: null,
      usedBytes: 0,
      messages: 0,
      mailboxes: 0,
    };
    this.#accounts.set(accountKey(accountId), { record, before: undefined });
    return record;
  }

  mailboxRecord(number: number): MailboxRecord | undefined {
    let working = this.#mailboxes.get(number);
    if (working === undefined) {
      const known = this.#group.mailboxes.get(number);
      working = workOn(
        known === undefined ? this.environment.tables.mailboxes.get(number) : (known ?? undefined),
      );
      this.#mailboxes.set(number, working);
    }
    return working.record;
  }

  addMailbox(record: MailboxRecord): void {
    this.#mailboxes.set(record.number, { record, before: undefined });
  }

  /** Removes the record of a mailbox that has been cleared. */
  dropMailbox(number: number): void {
    this.#mailboxes.set(number, { record: undefined, before: this.mailboxRecord(number) });
  }

  keywords(account: number): KeywordSpelling {
    const { tables } = this.environment;
    let spelling = this.#group.keywords.get(account);
    if (spelling === undefined) {
      spelling = new KeywordSpelling(tables.keywords.get(account) ?? []);
      this.#group.keywords.set(account, spelling);
    }
    return spelling;
  }

  /** Those of the UIDs that are there, in the same order. */
  entries(mailbox: MailboxRecord, uids: readonly number[]): readonly MailboxEntry[] {
    const cached = this.environment.cache.current(mailbox.number, mailbox.modSeq);
    if (cached !== undefined) return cached.pick(uids);
    const { tables } = this.environment;
    const found: MailboxEntry[] = [];
    for (const uid of uids) {
      const octets = viewOf(tables.entries, pair(mailbox.number, uid));
      if (octets !== undefined) found.push(decodeEntry(uid, octets));
    }
    return found;
  }

  /** Adds messages to a mailbox with new UIDs and one mod-sequence; returns the UIDs. */
  append(mailbox: MailboxRecord, added: readonly NewEntry[]): readonly number[] {
    if (added.length === 0) return [];
    const delta = this.#delta(mailbox);
    const modSeq = ++mailbox.modSeq;
    const uids = added.map((entry) => {
      const uid = mailbox.uidNext++;
      if (uid > uidMax) throw new MailError('E_MAILBOX_STORE', 'a mailbox has given out all its UIDs');
      this.#putEntry(mailbox, { ...entry, uid, modSeq }, delta);
      this.#count(mailbox, entry, 1);
      return uid;
    });
    this.#log(mailbox, uids, []);
    return uids;
  }

  /** Gives messages new flags; returns the new entries. */
  reflag(
    mailbox: MailboxRecord,
    changes: readonly (readonly [entry: MailboxEntry, flags: readonly string[]])[],
  ): readonly MailboxEntry[] {
    if (changes.length === 0) return [];
    const delta = this.#delta(mailbox);
    const modSeq = ++mailbox.modSeq;
    const entries = changes.map(([entry, flags]) => {
      const changed: MailboxEntry = { ...entry, flags, modSeq };
      mailbox.unseen += Number(isUnseen(changed)) - Number(isUnseen(entry));
      this.#putEntry(mailbox, changed, delta);
      return changed;
    });
    this.#log(
      mailbox,
      entries.map((entry) => entry.uid),
      [],
    );
    return entries;
  }

  /** Takes entries out of a mailbox; what becomes of their messages is the caller's. */
  remove(mailbox: MailboxRecord, entries: readonly MailboxEntry[]): void {
    if (entries.length === 0) return;
    const delta = this.#delta(mailbox);
    mailbox.modSeq++;
    delta.toModSeq = mailbox.modSeq;
    const { tables } = this.environment;
    for (const entry of entries) {
      delta.removed.push(entry.uid);
      this.#count(mailbox, entry, -1);
      this.write(() => void tables.entries.remove(pair(mailbox.number, entry.uid)));
    }
    this.#log(
      mailbox,
      [],
      entries.map((entry) => entry.uid),
    );
  }

  /** Gives the change up: nothing of it is written. */
  cancel(): undefined {
    this.#isCancelled = true;
    this.deltas.clear();
    this.lists.clear();
    this.contents.clear();
    this.annotated.length = 0;
    this.freedFiles.length = 0;
  }

  /** Writes everything. Called once, in the transaction of the group. */
  flush(): void {
    if (this.#isCancelled) return;
    const group = this.#group;
    for (const write of this.#writes) write();
    let isChanged = this.#writes.length > 0;
    for (const [key, { record, before }] of this.#accounts) {
      if (record === undefined || isSameRecord(record, before)) continue;
      group.accounts.set(key, record);
      isChanged = true;
    }
    for (const [number, { record, before }] of this.#mailboxes) {
      if (isSameRecord(record, before)) continue;
      group.mailboxes.set(number, record ?? null);
      isChanged = true;
    }
    if (!isChanged) return;
    group.counters = this.#counters;
    group.isChanged = true;
  }

  #delta(mailbox: MailboxRecord): EntryDelta {
    this.contents.set(mailbox.number, mailbox.accountId);
    let delta = this.deltas.get(mailbox.number);
    if (delta === undefined) {
      const fromModSeq = mailbox.modSeq;
      delta = { mailbox: mailbox.number, fromModSeq, toModSeq: fromModSeq, set: [], removed: [] };
      this.deltas.set(mailbox.number, delta);
    }
    return delta;
  }

  #putEntry(mailbox: MailboxRecord, entry: MailboxEntry, delta: EntryDelta): void {
    delta.set.push(entry);
    delta.toModSeq = entry.modSeq;
    const { tables } = this.environment;
    this.write(() => void tables.entries.put(pair(mailbox.number, entry.uid), encodeEntry(entry)));
  }

  #count(mailbox: MailboxRecord, entry: NewEntry, by: 1 | -1): void {
    const account = this.accountRecord(mailbox.accountId);
    mailbox.messages += by;
    mailbox.sizeBytes += by * entry.sizeBytes;
    if (isUnseen(entry)) mailbox.unseen += by;
    // A mailbox being cleared away was taken off the account's sums when it was removed.
    if (account === undefined || mailbox.isRemoved) return;
    account.messages += by;
    account.usedBytes += by * entry.sizeBytes;
  }

  #log(mailbox: MailboxRecord, changed: readonly number[], vanished: readonly number[]): void {
    const { tables, changeLogMax } = this.environment;
    const key = pair(mailbox.number, mailbox.modSeq);
    this.write(() => void tables.log.put(key, encodeLogRow({ changed, vanished })));
    mailbox.logRows++;
    if (mailbox.logRows < changeLogMax + logTrimRows) return;
    const range = { start: pair(mailbox.number, 0), end: pair(mailbox.number + 1, 0), limit: logTrimRows };
    for (const old of tables.log.getKeys(range)) {
      // Another change of this group may have taken it already, but has not been written over.
      if (old[1] <= mailbox.logStart || old[1] >= mailbox.modSeq) continue;
      mailbox.logRows--;
      mailbox.logStart = old[1];
      this.write(() => void tables.log.remove(old as ReturnType<typeof pair>));
    }
  }
}

/** The id of a mailbox for the world. */
export function mailboxIdOf(record: Pick<MailboxRecord, 'number'>): string {
  return formatId('F', record.number);
}

function isUnseen(entry: NewEntry): boolean {
  return !entry.flags.includes('\\Seen');
}
