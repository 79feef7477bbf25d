/** `MailboxStore` over Maildirs. */
import {
  type Body,
  ChangeNotices,
  type Clock,
  type MailboxStore,
  MailError,
  normaliseMailboxName,
  parseStructure,
  type Random,
  type StoredMessage,
} from '@postroad/core';
import { LRUCache } from 'lru-cache';
import type { Account, OpenFolder } from './account.js';
import { Accounts, type AccountsOptions } from './accounts.js';
import { Contents } from './content.js';
import type { MaildirEnvironment } from './environment.js';
import { fileAll } from './file-all.js';
import { fileEverywhere } from './file-everywhere.js';
import { baseOf, isVerbatim } from './file-name.js';
import { createMailbox, deleteMailbox, renameMailbox } from './mailbox-changes.js';
import { changeFlags, copyMessages, expungeMessages, moveMessages } from './message-changes.js';
import { withFile } from './message-files.js';
import { Places } from './places.js';
import { lockDirectory } from './process-lock.js';
import { firstRecent } from './recent.js';
import { dropSubscription, lostSubscriptions, setSubscribed } from './subscriptions.js';
import { AccountWatches } from './watch-account.js';

/** What the store needs. */
export interface StoreMaildirOptions extends AccountsOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly hostname: string;
  readonly changeLogMax: number;
  readonly cachedMessagesMax: number;
  readonly lookEveryMs: number;
  readonly onError: (what: string, error: unknown) => void;
}

/** Opens the store: one process at a time has it, `E_STATE` otherwise. */
export async function openStoreMaildir(options: StoreMaildirOptions): Promise<MailboxStore> {
  const unlock = await lockDirectory(options.directory);
  const notices = new ChangeNotices((error) => options.onError('a watcher of mailboxes failed', error));
  const environment: MaildirEnvironment = {
    clock: options.clock,
    random: options.random,
    // The host stands last in a Maildir name; slashes and colons have a meaning there.
    hostname: options.hostname.replace(/[/:,\u0000-\u0020]/g, '_'),
    changeLogMax: options.changeLogMax,
    contents: new Contents(),
    places: new Places(),
    notices,
    onError: options.onError,
  };
  const watched = new Set<string>();
  const accounts = await Accounts.open(options, environment, (id) => watched.has(id)).catch(
    async (error: unknown) => {
      await unlock();
      throw error;
    },
  );
  return new StoreMaildir(options, environment, accounts, watched, unlock);
}

class StoreMaildir implements MailboxStore {
  readonly #environment: MaildirEnvironment;
  readonly #accounts: Accounts;
  readonly #watches: AccountWatches;
  readonly #unlock: () => Promise<void>;
  readonly #structures: LRUCache<string, StoredMessage>;

  constructor(
    options: StoreMaildirOptions,
    environment: MaildirEnvironment,
    accounts: Accounts,
    watched: Set<string>,
    unlock: () => Promise<void>,
  ) {
    this.#environment = environment;
    this.#accounts = accounts;
    this.#unlock = unlock;
    this.#structures = new LRUCache({ max: options.cachedMessagesMax });
    this.#watches = new AccountWatches(accounts, environment, options.lookEveryMs, watched);
  }

  async mailboxes(accountId: string) {
    const account = await this.#accounts.get(accountId);
    return account.run(async () => {
      await account.lookAtAll();
      return account.list().map((folder) => folder.facts(account.subscriptions.has(folder.name)));
    });
  }

  async mailboxByName(accountId: string, name: string) {
    const normal = normaliseMailboxName(name);
    if (normal === undefined) return undefined;
    const account = await this.#accounts.get(accountId);
    return account.run(async () => {
      const open = account.byName(normal);
      return open === undefined ? undefined : await factsOf(account, open);
    });
  }

  async mailbox(mailboxId: string) {
    const account = await this.#accounts.ofId(mailboxId);
    return account?.run(async () => {
      const open = [...account.folders.values()].find(({ folder }) => folder.id === mailboxId);
      return open === undefined ? undefined : await factsOf(account, open);
    });
  }

  async createMailbox(
    accountId: string,
    name: string,
    options: Parameters<MailboxStore['createMailbox']>[2] = {},
  ) {
    const account = await this.#accounts.get(accountId);
    return account.run(async (batch) =>
      factsOf(account, await createMailbox(account, name, options.specialUse, batch)),
    );
  }

  async renameMailbox(mailboxId: string, name: string) {
    const account = await this.#require(mailboxId);
    return account.run(async (batch) =>
      factsOf(account, await renameMailbox(account, mailboxId, name, batch)),
    );
  }

  async deleteMailbox(mailboxId: string) {
    const account = await this.#require(mailboxId);
    await account.run((batch) => deleteMailbox(account, mailboxId, batch));
  }

  async setSubscribed(mailboxId: string, isSubscribed: boolean) {
    const account = await this.#require(mailboxId);
    await account.run((batch) => setSubscribed(account, mailboxId, isSubscribed, batch));
  }

  async lostSubscriptions(accountId: string) {
    const account = await this.#accounts.get(accountId);
    return account.run(async () => lostSubscriptions(account));
  }

  async dropSubscription(accountId: string, name: string) {
    const account = await this.#accounts.get(accountId);
    await account.run((batch) => dropSubscription(account, name, batch));
  }

  async file(...[message, filings]: Parameters<MailboxStore['file']>) {
    return fileEverywhere(this.#accounts, message, filings);
  }

  async fileAll(...[place, messages]: Parameters<NonNullable<MailboxStore['fileAll']>>) {
    return fileAll(await this.#accounts.get(place.accountId), place, messages);
  }

  async entries(...[mailboxId, range]: Parameters<MailboxStore['entries']>) {
    const account = await this.#require(mailboxId);
    return account.run(async () => {
      const { index } = (await account.folder(mailboxId)).folder;
      return range === undefined ? index.all() : index.range(range.first, range.last);
    });
  }

  async changeFlags(...[mailboxId, uids, change]: Parameters<MailboxStore['changeFlags']>) {
    const account = await this.#require(mailboxId);
    return account.run((batch) => changeFlags(account, mailboxId, uids, change, batch));
  }

  async copy(mailboxId: string, uids: readonly number[], targetMailboxId: string) {
    const account = await this.#require(mailboxId);
    return account.run((batch) => copyMessages(account, mailboxId, uids, targetMailboxId, batch));
  }

  async move(mailboxId: string, uids: readonly number[], targetMailboxId: string) {
    const account = await this.#require(mailboxId);
    return account.run(async (batch) => {
      await account.folder(mailboxId);
      const target = await account.folder(targetMailboxId);
      return moveMessages(account, mailboxId, uids, target, batch);
    });
  }

  async expunge(mailboxId: string, uids: readonly number[]) {
    const account = await this.#require(mailboxId);
    return account.run((batch) => expungeMessages(account, mailboxId, uids, batch));
  }

  async changes(mailboxId: string, modSeq: number) {
    const account = await this.#require(mailboxId);
    return account.run(async () => (await account.folder(mailboxId)).folder.changes(modSeq));
  }

  async messages(messageIds: readonly string[]) {
    const found: (StoredMessage | undefined)[] = [];
    for (const id of messageIds) found.push(await this.#structure(id));
    return found;
  }

  async open(messageId: string): Promise<Body | undefined> {
    for (const { folder, uid } of await this.#placesOf(messageId)) {
      const account = await this.#accounts.get(folder.accountId);
      const body = await account.run(async () => {
        const open = [...account.folders.values()].find((one) => one.folder.id === folder.id);
        if (open === undefined) return undefined;
        return await withFile(account, open, uid, (path, file) =>
          this.#environment.contents.open(path, isVerbatim(baseOf(file.name))),
        );
      });
      if (body !== undefined) return body;
    }
    return undefined;
  }

  async firstRecent(mailboxId: string, claimUpTo = 0) {
    const account = await this.#require(mailboxId);
    return account.run((batch) => firstRecent(account, mailboxId, claimUpTo, batch));
  }

  async quota(accountId: string) {
    const account = await this.#accounts.get(accountId);
    return account.run(async () => {
      const usedBytes = await account.usedBytes();
      const messages = account.list().reduce((sum, { index }) => sum + index.size, 0);
      const { limitBytes } = account.state;
      return { usedBytes, messages, ...(limitBytes === null ? {} : { limitBytes }) };
    });
  }

  async setQuota(accountId: string, limitBytes: number | undefined) {
    const account = await this.#accounts.get(accountId);
    await account.run(() => account.changeState({ limitBytes: limitBytes ?? null }));
  }

  watch(accountId: string, listener: Parameters<MailboxStore['watch']>[1]) {
    const stop = this.#environment.notices.watch(accountId, listener);
    const rest = this.#watches.add(accountId);
    return () => {
      stop();
      rest();
    };
  }

  async close() {
    await this.#watches.close();
    for (const account of this.#accounts.all()) await account.queue.idle();
    await this.#unlock();
  }

  async #require(mailboxId: string): Promise<Account> {
    const account = await this.#accounts.ofId(mailboxId);
    if (account === undefined) throw new MailError('E_NOT_FOUND', 'there is no such mailbox');
    return account;
  }

  async #placesOf(messageId: string) {
    const { places } = this.#environment;
    if (places.of(messageId).length === 0) {
      // The account that the id names may not be in memory.
      const account = await this.#accounts.ofId(messageId);
      await account?.run(() => account.lookAtAll());
    }
    return places.of(messageId);
  }

  async #structure(messageId: string): Promise<StoredMessage | undefined> {
    if ((await this.#placesOf(messageId)).length === 0) return undefined;
    const known = this.#structures.get(messageId);
    if (known !== undefined) return known;
    const body = await this.open(messageId);
    if (body === undefined) return undefined;
    try {
      const { envelope, structure } = await parseStructure('', body);
      const { sizeBytes } = body;
      const stored = { messageId, sizeBytes, headerSizeBytes: structure.bodyStart, envelope, structure };
      this.#structures.set(messageId, stored);
      return stored;
    } finally {
      await body.release();
    }
  }
}

async function factsOf(account: Account, open: OpenFolder) {
  await account.look(open);
  return open.folder.facts(account.subscriptions.has(open.folder.name));
}
