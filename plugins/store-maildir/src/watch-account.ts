/** Notices what other programs do to the Maildirs of accounts that somebody watches. */
import { type FSWatcher, watch } from 'node:fs';
import { join } from 'node:path';
import type { Timer } from '@postroad/core';
import type { Account } from './account.js';
import type { Accounts } from './accounts.js';
import type { MaildirEnvironment } from './environment.js';

/** Several changes of one moment are one look; a look that takes long is not repeated at once. */
const settleMs = 20;
const lookShare = 10;
/** Directories watched for one account; more are looked at from time to time only. */
const directoriesMax = 500;

interface Watched {
  users: number;
  readonly stop: () => Promise<void>;
}

/** The watches of the store. */
export class AccountWatches {
  readonly #accounts: Accounts;
  readonly #environment: MaildirEnvironment;
  readonly #lookEveryMs: number;
  readonly #watched = new Map<string, Watched>();
  readonly #names: Set<string>;
  readonly #ending = new Set<Promise<void>>();

  /** `names` is kept up to date with the accounts that are watched. */
  constructor(accounts: Accounts, environment: MaildirEnvironment, lookEveryMs: number, names: Set<string>) {
    this.#accounts = accounts;
    this.#environment = environment;
    this.#lookEveryMs = lookEveryMs;
    this.#names = names;
  }

  /** Starts to watch an account; returns how to stop, which may be called again. */
  add(accountId: string): () => void {
    const watched = this.#watched.get(accountId) ?? this.#start(accountId);
    watched.users++;
    let isStopped = false;
    return () => {
      if (isStopped) return;
      isStopped = true;
      watched.users--;
      if (watched.users === 0 && this.#watched.get(accountId) === watched) this.#end(accountId, watched);
    };
  }

  async close(): Promise<void> {
    for (const [accountId, watched] of this.#watched) this.#end(accountId, watched);
    await Promise.all(this.#ending);
  }

  #start(accountId: string): Watched {
    const watch = new AccountWatch(this.#environment, this.#lookEveryMs, () => this.#accounts.get(accountId));
    const watched = { users: 0, stop: () => watch.stop() };
    this.#watched.set(accountId, watched);
    this.#names.add(accountId);
    return watched;
  }

  #end(accountId: string, watched: Watched): void {
    this.#watched.delete(accountId);
    this.#names.delete(accountId);
    const ending = watched.stop().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }
}

class AccountWatch {
  readonly #environment: MaildirEnvironment;
  readonly #account: () => Promise<Account>;
  readonly #lookEveryMs: number;
  readonly #watchers = new Map<string, FSWatcher>();
  #timer: Timer | undefined;
  #isSoon = false;
  #looking: Promise<void> | undefined;
  #lookTookMs = 0;
  #isStopped = false;

  constructor(environment: MaildirEnvironment, lookEveryMs: number, account: () => Promise<Account>) {
    this.#environment = environment;
    this.#account = account;
    this.#lookEveryMs = lookEveryMs;
    this.#plan(0);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#looking;
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #plan(delayMs: number): void {
    if (this.#isStopped) return;
    this.#timer?.cancel();
    this.#isSoon = delayMs < this.#lookEveryMs;
    this.#timer = this.#environment.clock.after(delayMs, () => {
      this.#isSoon = false;
      this.#looking = this.#look().finally(() => {
        this.#looking = undefined;
        if (!this.#isSoon) this.#plan(this.#lookEveryMs);
      });
    });
  }

  async #look(): Promise<void> {
    const { clock, onError } = this.#environment;
    const startedAt = clock.monotonic();
    try {
      const account = await this.#account();
      // What happens after a directory is watched is told; what happened before is seen by this look.
      this.#follow(account);
      await account.run(() => account.lookAtAll());
      this.#follow(account);
    } catch (error) {
      onError('a Maildir could not be looked at', error);
    }
    this.#lookTookMs = clock.monotonic() - startedAt;
  }

  #follow(account: Account): void {
    const folders = account.list().flatMap(({ path }) => [join(path, 'new'), join(path, 'cur')]);
    const wanted = new Set([account.path, ...folders].slice(0, directoriesMax));
    for (const [path, watcher] of this.#watchers) {
      if (wanted.has(path)) continue;
      watcher.close();
      this.#watchers.delete(path);
    }
    for (const path of wanted) {
      if (this.#isStopped || this.#watchers.has(path)) continue;
      try {
        const watcher = watch(path, { persistent: false }, () => this.#told(account));
        watcher.on('error', () => this.#drop(path, watcher));
        this.#watchers.set(path, watcher);
      } catch {
        // No watches left, or a file system without them: the directory is looked at from time to time.
        return;
      }
    }
  }

  #told(account: Account): void {
    if (this.#isSoon || this.#isStopped) return;
    account.expectChanges();
    this.#plan(Math.max(settleMs, Math.min(this.#lookTookMs * lookShare, this.#lookEveryMs - 1)));
  }

  #drop(path: string, watcher: FSWatcher): void {
    watcher.close();
    if (this.#watchers.get(path) === watcher) this.#watchers.delete(path);
  }
}
