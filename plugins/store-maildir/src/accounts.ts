/** All accounts of the store: which there are by number, and those in memory. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { Account } from './account.js';
import { accountPath } from './account-path.js';
import { makeDirectory, syncPath, textOf } from './disk.js';
import type { MaildirEnvironment } from './environment.js';

/** Where accounts are and how many are kept in memory. */
export interface AccountsOptions {
  readonly directory: string;
  readonly path: string;
  readonly openAccountsMax: number;
}

const listName = 'postroad-accounts';
/** An account that was used so lately stays in memory. */
const restMs = 600_000;

/** The accounts. Ids of mailboxes name their account by its number. */
export class Accounts {
  readonly #options: AccountsOptions;
  readonly #environment: MaildirEnvironment;
  readonly #numbers: Map<string, number>;
  readonly #ids: string[];
  /** Those in memory, the one used last at the end, with the time of that. */
  readonly #open = new Map<string, { readonly account: Account; usedAt: number }>();
  /** Accounts that must stay, such as those that are watched. */
  readonly #isNeeded: (accountId: string) => boolean;
  #adding: Promise<unknown> = Promise.resolve();

  private constructor(
    options: AccountsOptions,
    environment: MaildirEnvironment,
    ids: string[],
    isNeeded: (accountId: string) => boolean,
  ) {
    this.#options = options;
    this.#environment = environment;
    this.#ids = ids;
    this.#numbers = new Map(ids.map((id, number) => [id, number]));
    this.#isNeeded = isNeeded;
  }

  /** Reads which accounts there are. */
  static async open(
    options: AccountsOptions,
    environment: MaildirEnvironment,
    isNeeded: (accountId: string) => boolean,
  ): Promise<Accounts> {
    await makeDirectory(options.directory, undefined);
    const path = join(options.directory, listName);
    const text = (await textOf(path)) ?? '';
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    if (whole.length < text.length) await truncateTo(path, Buffer.byteLength(whole));
    const ids = whole
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => String(JSON.parse(line)));
    return new Accounts(options, environment, ids, isNeeded);
  }

  /** The account; it gets a number on first use. */
  async get(accountId: string): Promise<Account> {
    const opened = this.#open.get(accountId);
    const usedAt = this.#environment.clock.monotonic();
    if (opened !== undefined) {
      this.#open.delete(accountId);
      this.#open.set(accountId, { account: opened.account, usedAt });
      return opened.account;
    }
    if (!this.#numbers.has(accountId)) {
      const adding = this.#adding.then(() => this.#add(accountId));
      this.#adding = adding.catch(() => undefined);
      await adding;
    }
    return this.#load(accountId, this.#numbers.get(accountId) as number, usedAt);
  }

  /** The account that an id of a mailbox (`F...`) or message (`M...`) names. */
  async ofId(id: string): Promise<Account | undefined> {
    const [, digits] = /^[FM]([0-9a-z]{1,10})-[0-9a-z]+$/.exec(id) ?? [];
    const accountId = digits === undefined ? undefined : this.#ids[Number.parseInt(digits, 36)];
    return accountId === undefined ? undefined : await this.get(accountId);
  }

  all(): readonly Account[] {
    return [...this.#open.values()].map(({ account }) => account);
  }

  #load(accountId: string, number: number, usedAt: number): Account {
    const known = this.#open.get(accountId);
    if (known !== undefined) return known.account;
    this.#rest(usedAt);
    const { directory, path } = this.#options;
    const account = new Account(
      accountId,
      number,
      accountPath(directory, path, accountId),
      this.#environment,
    );
    this.#open.set(accountId, { account, usedAt });
    return account;
  }

  /** Forgets those that nobody used for a while, the longest first, when there are too many. */
  #rest(now: number): void {
    for (const [id, { account, usedAt }] of this.#open) {
      if (this.#open.size < this.#options.openAccountsMax || now - usedAt < restMs) return;
      if (!account.queue.isIdle || this.#isNeeded(id)) continue;
      account.forget();
      this.#open.delete(id);
    }
  }

  async #add(accountId: string): Promise<void> {
    if (this.#numbers.has(accountId)) return;
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND;
    const handle = await open(join(this.#options.directory, listName), flags, 0o600);
    try {
      await handle.writeFile(`${JSON.stringify(accountId)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await syncPath(this.#options.directory);
    this.#numbers.set(accountId, this.#ids.length);
    this.#ids.push(accountId);
  }
}

async function truncateTo(path: string, octets: number): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await handle.truncate(octets);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
