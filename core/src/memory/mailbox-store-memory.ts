/** Mailboxes in memory: the simplest `MailboxStore`, and the model that others are compared with. */
import { MailError } from '../errors.js';
import { ChangeNotices } from '../mailbox/change-notices.js';
import { sortedUids } from '../mailbox/entry-index.js';
import { changedFlags, normaliseFlags } from '../mailbox/flags.js';
import { normaliseMailboxName, requireMailboxName } from '../mailbox/mailbox-name.js';
import { threadReferences } from '../mailbox/thread-references.js';
import { type ParsedMessage, parseStructure } from '../mime/parse-structure.js';
import {
  type ChangeNotice,
  type Copied,
  type Filed,
  type Filing,
  type FlagChange,
  type FlagsChanged,
  type MailboxStore,
  type NewMessage,
} from '../services/mailbox-store.js';
import { AccountMemory } from './account-memory.js';
import { AnnotationsMemory } from './annotations-memory.js';
import { fileAllMemory } from './file-all-memory.js';
import { copyEntries, type MailboxMemory } from './mailbox-memory.js';
import { type KeptMessage, MessagesMemory } from './messages-memory.js';
import { SharesMemory } from './shares-memory.js';
import { sideOperations } from './side-operations.js';
import type { StoreMemoryOptions } from './store-memory-options.js';

/** The store itself. */
export function createStoreMemory(options: StoreMemoryOptions): MailboxStore {
  const store = new StoreMemory(options);
  return Object.assign(store, store.sideOperations());
}

class StoreMemory implements MailboxStore {
  readonly #options: StoreMemoryOptions;
  readonly #notices: ChangeNotices;
  readonly #accounts = new Map<string, AccountMemory>();
  readonly #mailboxes = new Map<string, MailboxMemory>();
  readonly #messages = new MessagesMemory();
  readonly #annotations = new AnnotationsMemory();
  readonly #shares = new SharesMemory();
  #lastId = 0;

  constructor(options: StoreMemoryOptions) {
    this.#options = options;
    this.#notices = new ChangeNotices(options.onError ?? (() => undefined));
  }

  /** What is kept beside mailboxes and messages. */
  sideOperations() {
    const mailbox = (id: string) => this.#require(id);
    const account = (id: string) => this.#account(id);
    const tell = (notice: ChangeNotice) => this.#notices.tell(notice);
    return {
      ...sideOperations(this.#annotations, this.#shares, mailbox, account, tell),
      fileAll: fileAllMemory({
        account,
        mailbox: (id) => this.#mailboxes.get(id),
        file: (message, parsed, filing) => this.#fileParsed(message, parsed, [filing])[0] as Filed,
      }),
    };
  }

  async mailboxes(accountId: string) {
    return this.#account(accountId)
      .list()
      .map((mailbox) => mailbox.facts());
  }

  async mailboxByName(accountId: string, name: string) {
    const normal = normaliseMailboxName(name);
    return normal === undefined ? undefined : this.#account(accountId).byName(normal)?.facts();
  }

  async mailbox(mailboxId: string) {
    return this.#mailboxes.get(mailboxId)?.facts();
  }

  async createMailbox(
    accountId: string,
    name: string,
    options: Parameters<MailboxStore['createMailbox']>[2] = {},
  ) {
    const account = this.#account(accountId);
    const mailbox = account.create(name, options.specialUse, false);
    this.#register(account);
    return mailbox.facts();
  }

  async renameMailbox(mailboxId: string, name: string) {
    const mailbox = this.#require(mailboxId);
    const account = this.#account(mailbox.accountId);
    if (mailbox.name !== 'INBOX') {
      account.rename(mailbox, name);
      this.#register(account);
      return mailbox.facts();
    }
    const target = account.create(name, undefined, false);
    this.#register(account);
    const uids = mailbox.index.all().map((entry) => entry.uid);
    this.#moveEntries(mailbox, uids, target);
    return target.facts();
  }

  async deleteMailbox(mailboxId: string) {
    const mailbox = this.#require(mailboxId);
    if (mailbox.name === 'INBOX') throw new MailError('E_MAILBOX_NAME', 'INBOX can not be deleted');
    this.#account(mailbox.accountId).delete(mailbox);
    this.#mailboxes.delete(mailboxId);
    this.#annotations.drop(mailboxId);
    this.#shares.drop(mailboxId);
    for (const entry of mailbox.index.all()) this.#messages.letGo(entry.messageId);
    this.#notices.tell({ accountId: mailbox.accountId, mailboxId });
    this.#notices.tell({ accountId: mailbox.accountId });
  }

  async setSubscribed(mailboxId: string, isSubscribed: boolean) {
    const mailbox = this.#require(mailboxId);
    if (mailbox.isSubscribed === isSubscribed) return;
    mailbox.isSubscribed = isSubscribed;
    this.#notices.tell({ accountId: mailbox.accountId });
  }

  async file(message: NewMessage, filings: readonly Filing[]) {
    for (const { mailbox } of filings) if ('name' in mailbox) requireMailboxName(mailbox.name);
    return this.#fileParsed(message, await parseStructure(message.prefix, message.body), filings);
  }

  #fileParsed(message: NewMessage, parsed: ParsedMessage, filings: readonly Filing[]): Filed[] {
    const kept = this.#messages.make(this.#nextId('M'), message, parsed);
    const filed = filings.map((filing) => this.#fileOne(kept, parsed, message.internalDateMs, filing));
    this.#messages.add(kept);
    for (const one of filed) if (one.status === 'filed') this.#tell(one.mailboxId);
    return filed;
  }

  async entries(mailboxId: string, range?: { readonly first: number; readonly last: number }) {
    const { index } = this.#require(mailboxId);
    return range === undefined ? index.all() : index.range(range.first, range.last);
  }

  async changeFlags(mailboxId: string, uids: readonly number[], change: FlagChange): Promise<FlagsChanged> {
    const mailbox = this.#require(mailboxId);
    const flags = normaliseFlags(change.flags, this.#account(mailbox.accountId).keywords);
    const limit = change.unchangedSince ?? Number.POSITIVE_INFINITY;
    const found = mailbox.index.pick(sortedUids(uids));
    const changes = found
      .filter((entry) => entry.modSeq <= limit)
      .flatMap((entry) => {
        const after = changedFlags(entry.flags, { mode: change.mode, flags });
        return after === undefined ? [] : [[entry, after] as const];
      });
    const entries = mailbox.reflag(changes);
    if (entries.length > 0) this.#tell(mailboxId);
    const refused = found.filter((entry) => entry.modSeq > limit).map((entry) => entry.uid);
    return { entries, refused, highestModSeq: mailbox.modSeq };
  }

  async copy(mailboxId: string, uids: readonly number[], targetMailboxId: string) {
    const [source, target] = this.#pair(mailboxId, targetMailboxId);
    const found = source.index.pick(sortedUids(uids));
    const sizeBytes = found.reduce((sum, entry) => sum + entry.sizeBytes, 0);
    if (!this.#account(source.accountId).hasRoomFor(sizeBytes)) {
      throw new MailError('E_QUOTA', 'the account has no room for the copies');
    }
    const copied = copyEntries(source, found, target, this.#options.nowMs());
    for (const entry of found) this.#messages.hold(entry.messageId);
    if (found.length > 0) this.#tell(targetMailboxId);
    return copied;
  }

  async move(mailboxId: string, uids: readonly number[], targetMailboxId: string) {
    const [source, target] = this.#pair(mailboxId, targetMailboxId);
    return this.#moveEntries(source, uids, target);
  }

  async expunge(mailboxId: string, uids: readonly number[]) {
    const mailbox = this.#require(mailboxId);
    const found = mailbox.index.pick(sortedUids(uids));
    mailbox.remove(found);
    for (const { messageId } of found) this.#messages.letGo(messageId);
    if (found.length > 0) this.#tell(mailboxId);
    return { uids: found.map(({ uid }) => uid), highestModSeq: mailbox.modSeq };
  }

  async changes(mailboxId: string, modSeq: number) {
    return this.#require(mailboxId).changes(modSeq);
  }

  async messages(messageIds: readonly string[]) {
    return messageIds.map((id) => this.#messages.stored(id));
  }

  async open(messageId: string) {
    return this.#messages.open(messageId);
  }

  async quota(accountId: string) {
    return this.#account(accountId).quota();
  }

  async setQuota(accountId: string, limitBytes: number | undefined) {
    this.#account(accountId).limitBytes = limitBytes;
  }

  watch(accountId: string, listener: Parameters<MailboxStore['watch']>[1]) {
    return this.#notices.watch(accountId, listener);
  }

  async close() {
    await this.#messages.close();
  }

  #account(id: string): AccountMemory {
    let account = this.#accounts.get(id);
    if (account === undefined) {
      account = new AccountMemory({
        id,
        vanishedMax: this.#options.vanishedMax ?? 100_000,
        nextId: this.#nextId,
        nowMs: this.#options.nowMs,
      });
      this.#accounts.set(id, account);
      this.#register(account);
    }
    return account;
  }

  /** Makes an account's mailboxes known by their ids. */
  #register(account: AccountMemory): void {
    for (const mailbox of account.list()) this.#mailboxes.set(mailbox.id, mailbox);
    this.#notices.tell({ accountId: account.id });
  }

  readonly #nextId = (prefix: string): string => `${prefix}${(++this.#lastId).toString(36)}`;

  #require(mailboxId: string): MailboxMemory {
    const mailbox = this.#mailboxes.get(mailboxId);
    if (mailbox === undefined) throw new MailError('E_NOT_FOUND', 'there is no such mailbox');
    return mailbox;
  }

  #pair(sourceId: string, targetId: string): readonly [MailboxMemory, MailboxMemory] {
    const source = this.#require(sourceId);
    const target = this.#require(targetId);
    if (source.accountId !== target.accountId) throw new MailError('E_NOT_FOUND', 'there is no such mailbox');
    return [source, target];
  }

  #fileOne(kept: KeptMessage, parsed: ParsedMessage, internalDateMs: number, filing: Filing): Filed {
    const { messageId, sizeBytes } = kept.stored;
    const account = this.#account(filing.accountId);
    const known = 'id' in filing.mailbox ? this.#mailboxes.get(filing.mailbox.id) : undefined;
    if ('id' in filing.mailbox && known?.accountId !== filing.accountId) return { status: 'missing' };
    if (!account.hasRoomFor(sizeBytes)) return { status: 'quota' };
    const mailbox = known ?? this.#openByName(account, filing.mailbox as { readonly name: string });
    const [uid] = mailbox.append([
      {
        flags: normaliseFlags(filing.flags, account.keywords),
        messageId,
        threadId: account.thread(threadReferences(parsed)),
        sizeBytes,
        internalDateMs,
        savedAtMs: this.#options.nowMs(),
      },
    ]);
    kept.entries++;
    return { status: 'filed', mailboxId: mailbox.id, uidValidity: mailbox.uidValidity, uid: uid as number };
  }

  #openByName(account: AccountMemory, { name }: { readonly name: string }): MailboxMemory {
    const known = account.byName(requireMailboxName(name));
    if (known !== undefined) return known;
    const mailbox = account.create(name, undefined, true);
    this.#register(account);
    return mailbox;
  }

  #moveEntries(source: MailboxMemory, uids: readonly number[], target: MailboxMemory): Copied {
    const found = source.index.pick(sortedUids(uids));
    const copied = copyEntries(source, found, target, this.#options.nowMs());
    source.remove(found);
    if (found.length > 0) {
      this.#tell(source.id);
      if (target !== source) this.#tell(target.id);
    }
    return copied;
  }

  #tell(mailboxId: string): void {
    const accountId = this.#mailboxes.get(mailboxId)?.accountId;
    if (accountId !== undefined) this.#notices.tell({ accountId, mailboxId });
  }
}
