/** The accounts: who may log in, and which addresses are whose. */
import { token } from '../di/token.js';
import type { MaybePromise } from '../hooks/kinds.js';
import type { MailAddress } from '../values/address.js';
import type { Account } from '../values/identity.js';
import { chainDirectories } from './directory-chain.js';

/** A hash function of SCRAM (RFC 5802, RFC 7677), as in the names of its mechanisms. */
export type ScramHash = 'SHA-256' | 'SHA-1';

/** What a server keeps of a password for SCRAM (RFC 5802 section 3): enough to check, not enough to log in. */
export interface ScramKeys {
  readonly salt: Uint8Array;
  readonly iterations: number;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

/** The SCRAM keys of a directory. */
export interface ScramDirectory {
  /** The hashes that accounts have keys for. */
  readonly hashes: readonly ScramHash[];
  /** The usual iterations: what an unknown login is told. */
  readonly iterations: number;
  /** Makes the salts that unknown logins are told, so it must stay the same over restarts; 32 octets. */
  readonly secret: Uint8Array;
  /** The keys of an account that is not disabled; an unknown login and one without keys are `undefined`. */
  keys(
    login: string,
    hash: ScramHash,
    signal?: AbortSignal,
  ): Promise<{ readonly account: Account; readonly keys: ScramKeys } | undefined>;
}

/**
 * Accounts by login, address and id. A look-up that can't be answered for now throws; "there is none" is `undefined`.
 * Safe to call concurrently. Every implementation passes `directoryContract` of `@postroad/core/testing`.
 */
export interface Directory {
  /**
   * The account, when login and password fit and it is not disabled. An unknown login takes as long as a wrong
   * password and gives the same answer. Logins ignore ASCII case. The account's `protocols` may be fewer than those
   * it has otherwise: a password may be for some protocols only.
   */
  verifyPassword(login: string, password: string, signal?: AbortSignal): Promise<Account | undefined>;
  /**
   * The account that an address belongs to, exactly: aliases, sub-addresses and catch-alls are the route stage's. Asked
   * several times for every recipient: a directory that knows at once answers without a promise.
   */
  byAddress(address: MailAddress, signal?: AbortSignal): MaybePromise<Account | undefined>;
  byId(id: string, signal?: AbortSignal): Promise<Account | undefined>;
  /** By the name to log in with, ASCII case ignored; for logins that a token proves. */
  byLogin?(login: string, signal?: AbortSignal): Promise<Account | undefined>;
  /** Present when accounts can have SCRAM keys. */
  readonly scram?: ScramDirectory | undefined;
  /** All accounts in order of id, for administration. */
  list(): AsyncIterable<Account>;
}

/** The token of the directory. Several plugins may provide one: they are asked in the order of the composition. */
export const Directory = token<Directory>('core.directory', { compose: chainDirectories });
