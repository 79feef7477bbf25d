/** The `Directory` over LDAP (RFC 4511): entries are searched for, passwords are checked by binding as the entry. */
import { randomUUID } from 'node:crypto';
import {
  type Account,
  addressQuestion,
  type Clock,
  createEqualTimes,
  type Directory,
  loginByApplicationPassword,
  preparePassword,
} from '@postroad/core';
import {
  InappropriateAuthError,
  InvalidCredentialsError,
  NoSuchObjectError,
  UnwillingToPerformError,
} from 'ldapts';
import { applicationPasswordsOf } from './application-passwords.js';
import type { Entry } from './connection.js';
import { accountOf, asking, attributesOf, findOne, type Searching } from './entries.js';
import type { AuthLdapConfig } from './options.js';
import type { Pool } from './pool.js';

/** What it is made of. */
export interface LdapDirectoryOptions extends Searching {
  readonly clock: Clock;
  /** Connections that nobody is bound on, or anybody. */
  readonly binding: Pool;
}

const loginOctetsMax = 255;
const pageEntries = 500;

/** Makes it. */
export function createLdapDirectory(options: LdapDirectoryOptions): Directory {
  const { config, clock } = options;
  const { filters } = config;
  const times = createEqualTimes(clock);
  const find = (filter: string, value: string) => findOne(options, filter, value);
  const byLogin = async (login: string) => (isLogin(login) ? find(filters.login, login) : undefined);
  return {
    async verifyPassword(login, password, signal) {
      signal?.throwIfAborted();
      const entry = await byLogin(login);
      const prepared = preparePassword(password);
      const application = byApplicationPassword(entry, prepared, config);
      if (application !== undefined) return application;
      // A bind without a password is anonymous, and succeeds (RFC 4513 section 5.1.2): it must never be sent.
      const tried = prepared ?? 'none';
      const startMs = clock.monotonic();
      const fits = await mayBind(options, entry?.dn ?? `cn=${randomUUID()},${config.base}`, tried);
      const spentMs = clock.monotonic() - startMs;
      times.note(entry === undefined ? 'unknown' : 'known', spentMs);
      if (fits && entry !== undefined && prepared !== undefined) {
        const account = accountOf(entry, config);
        if (!account.isDisabled) return account;
      }
      await times.level(spentMs, signal);
      return undefined;
    },
    byAddress: async (address) =>
      accountOrNone(await find(filters.address, addressQuestion(address)), config),
    byId: async (id) => accountOrNone(await find(filters.id, id), config, id),
    byLogin: async (login) => accountOrNone(await byLogin(login), config),
    list: () => listAll(options),
  };
}

/** The account that an application password opens, without a bind. */
function byApplicationPassword(
  entry: Entry | undefined,
  prepared: string | undefined,
  config: AuthLdapConfig,
): Account | undefined {
  if (entry === undefined || prepared === undefined) return undefined;
  const known = applicationPasswordsOf(entry, config);
  if (known.length === 0) return undefined;
  const account = accountOf(entry, config);
  return account.isDisabled ? undefined : loginByApplicationPassword(account, known, prepared);
}

/** Whether the server takes the password for this entry. */
function mayBind({ binding }: LdapDirectoryOptions, dn: string, password: string): Promise<boolean> {
  return asking(() =>
    binding.use(async ({ client }) => {
      try {
        await client.bind(dn, password);
        return true;
      } catch (error) {
        if (isWrongPassword(error)) return false;
        throw error;
      }
    }),
  );
}

function isWrongPassword(error: unknown): boolean {
  return [InvalidCredentialsError, NoSuchObjectError, InappropriateAuthError, UnwillingToPerformError].some(
    (kind) => error instanceof kind,
  );
}

/** Entries come page by page (RFC 2696), in no order: they are sorted here. */
async function* listAll({ searching, config }: LdapDirectoryOptions): AsyncGenerator<Account> {
  const accounts = await asking(() =>
    searching.use(async ({ client }) => {
      const found: Account[] = [];
      const pages = client.searchPaginated(config.base, {
        ...{ scope: 'sub', filter: config.filters.list, attributes: attributesOf(config) },
        paged: { pageSize: pageEntries },
      } as const);
      for await (const { searchEntries } of pages) {
        for (const entry of searchEntries) found.push(accountOf(entry, config));
        if (found.length > config.accountsMax) throw new Error(`more than ${config.accountsMax} accounts`);
      }
      return found;
    }),
  );
  yield* accounts.sort((a, b) => (a.id < b.id ? -1 : 1));
}

function accountOrNone(entry: Entry | undefined, config: AuthLdapConfig, id?: string): Account | undefined {
  if (entry === undefined) return undefined;
  const account = accountOf(entry, config);
  // The server may ignore case; ids do not.
  return id === undefined || account.id === id ? account : undefined;
}

function isLogin(login: string): boolean {
  return login !== '' && Buffer.byteLength(login) <= loginOctetsMax && !/[\u0000-\u001f\u007f]/.test(login);
}
