/** One account of `store-memory`: its mailboxes, quota, keywords and threads. */
import { MailError } from '../errors.js';
import { KeywordSpelling } from '../mailbox/flags.js';
import { withLostSubscription, withoutLostSubscription } from '../mailbox/lost-subscriptions.js';
import {
  compareMailboxNames,
  defaultMailboxes,
  mailboxParents,
  requireMailboxName,
} from '../mailbox/mailbox-name.js';
import type { ThreadReferences } from '../mailbox/thread-references.js';
import type { QuotaUse, SpecialUse } from '../services/mailbox-store.js';
import { MailboxMemory } from './mailbox-memory.js';

/** Most mailboxes of an account. */
const mailboxesMax = 10_000;
/** Most Message-IDs remembered for threads. */
const threadIdsMax = 100_000;

/** What an account takes from the store around it. */
export interface AccountMemoryOptions {
  readonly id: string;
  readonly vanishedMax: number;
  readonly nextId: (prefix: string) => string;
  readonly nowMs: () => number;
}

/** An account. Names given to it may have any form; those inside are normal. */
export class AccountMemory {
  readonly id: string;
  readonly keywords = new KeywordSpelling();
  /** Names that are subscribed without a mailbox. */
  lostSubscriptions: readonly string[] = [];
  limitBytes: number | undefined;
  readonly #options: AccountMemoryOptions;
  readonly #byName = new Map<string, MailboxMemory>();
  readonly #threads = new Map<string, string>();
  #lastUidValidity = 0;

  constructor(options: AccountMemoryOptions) {
    this.id = options.id;
    this.#options = options;
    for (const { name, specialUse } of defaultMailboxes) this.#make(name, specialUse, true);
  }

  list(): readonly MailboxMemory[] {
    return [...this.#byName.values()].sort((a, b) => compareMailboxNames(a.name, b.name));
  }

  byName(name: string): MailboxMemory | undefined {
    return this.#byName.get(name);
  }

  quota(): QuotaUse {
    let usedBytes = 0;
    let messages = 0;
    for (const mailbox of this.#byName.values()) {
      usedBytes += mailbox.sizeBytes;
      messages += mailbox.index.size;
    }
    return { usedBytes, messages, ...(this.limitBytes === undefined ? {} : { limitBytes: this.limitBytes }) };
  }

  hasRoomFor(sizeBytes: number): boolean {
    return this.limitBytes === undefined || this.quota().usedBytes + sizeBytes <= this.limitBytes;
  }

  create(name: string, specialUse: SpecialUse | undefined, isSubscribed: boolean): MailboxMemory {
    const normal = requireMailboxName(name);
    if (this.#byName.has(normal)) throw exists();
    for (const parent of mailboxParents(normal)) {
      if (!this.#byName.has(parent)) this.#make(parent, undefined, false);
    }
    return this.#make(normal, specialUse, isSubscribed);
  }

  /** Renames it and all below it; not for INBOX. */
  rename(mailbox: MailboxMemory, name: string): void {
    const normal = requireMailboxName(name);
    const from = `${mailbox.name}/`;
    if (normal.startsWith(from)) throw new MailError('E_MAILBOX_NAME', 'a mailbox can not move below itself');
    if (this.#byName.has(normal)) throw exists();
    const below = this.list().filter((other) => other.name.startsWith(from));
    const renamed = below.map(
      (other) => [other, requireMailboxName(`${normal}/${other.name.slice(from.length)}`)] as const,
    );
    if (renamed.some(([, to]) => this.#byName.has(to))) throw exists();
    for (const parent of mailboxParents(normal)) {
      if (!this.#byName.has(parent)) this.#make(parent, undefined, false);
    }
    for (const [each, to] of [[mailbox, normal] as const, ...renamed]) {
      this.#byName.delete(each.name);
      each.name = to;
      each.isSubscribed ||= this.#takeLost(to);
      this.#byName.set(to, each);
    }
  }

  delete(mailbox: MailboxMemory): void {
    this.#byName.delete(mailbox.name);
    if (mailbox.isSubscribed)
      this.lostSubscriptions = withLostSubscription(this.lostSubscriptions, mailbox.name);
  }

  /** Whether a name was subscribed without a mailbox; from now on it has one. */
  #takeLost(name: string): boolean {
    const before = this.lostSubscriptions;
    this.lostSubscriptions = withoutLostSubscription(before, name);
    return this.lostSubscriptions !== before;
  }

  /** The thread that a message belongs to: that of the nearest known relative, or a new one. It never changes later. */
  thread({ messageId, references }: ThreadReferences): string {
    const own = messageId === undefined ? [] : [messageId];
    const known = [...own, ...references].find((id) => this.#threads.has(id));
    const thread = known === undefined ? this.#options.nextId('T') : (this.#threads.get(known) as string);
    for (const id of [...own, ...references]) if (!this.#threads.has(id)) this.#threads.set(id, thread);
    for (const id of this.#threads.keys()) {
      if (this.#threads.size <= threadIdsMax) break;
      this.#threads.delete(id);
    }
    return thread;
  }

  #make(name: string, specialUse: SpecialUse | undefined, isSubscribed: boolean): MailboxMemory {
    if (this.#byName.size >= mailboxesMax)
      throw new MailError('E_QUOTA', 'the account has too many mailboxes');
    // Unique in the account, and above those of an earlier life of it: RFC 9051 section 2.3.1.1.
    this.#lastUidValidity = Math.max(this.#lastUidValidity + 1, Math.floor(this.#options.nowMs() / 1000), 1);
    const { id: accountId, vanishedMax, nextId } = this.#options;
    const mailbox = new MailboxMemory({
      id: nextId('F'),
      accountId,
      name,
      uidValidity: this.#lastUidValidity,
      specialUse,
      isSubscribed: this.#takeLost(name) || isSubscribed,
      vanishedMax,
    });
    this.#byName.set(name, mailbox);
    return mailbox;
  }
}

function exists(): MailError {
  return new MailError('E_MAILBOX_EXISTS', 'a mailbox of that name exists already');
}
