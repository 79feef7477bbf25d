/** The accounts: who may log in, and which addresses are whose. */
import { token } from '../di/token.js';
import type { MailAddress } from '../values/address.js';
import type { Account } from '../values/identity.js';

/**
 * Accounts by login, address and id. A look-up that can't be answered for now throws; "there is none" is `undefined`.
 * Safe to call concurrently. Every implementation passes `directoryContract` of `@postroad/core/testing`.
 */
export interface Directory {
  /**
   * The account, when login and password fit and it is not disabled. An unknown login takes as long as a wrong
   * password and gives the same answer. Logins ignore ASCII case.
   */
  verifyPassword(login: string, password: string, signal?: AbortSignal): Promise<Account | undefined>;
  /** The account that an address belongs to, exactly: aliases, sub-addresses and catch-alls are the route stage's. */
  byAddress(address: MailAddress, signal?: AbortSignal): Promise<Account | undefined>;
  byId(id: string, signal?: AbortSignal): Promise<Account | undefined>;
  /** All accounts in order of id, for administration. */
  list(): AsyncIterable<Account>;
}

/** The token of the directory. */
export const Directory = token<Directory>('core.directory');
