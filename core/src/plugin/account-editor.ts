/** Changing accounts where a plugin keeps them: what the `postroad user` commands do, for programs too. */
import { randomInt } from 'node:crypto';
import type { ApplicationPassword } from '../passwords/application-password.js';
import type { Account } from '../values/identity.js';

/** A new account. */
export interface NewAccount {
  readonly login: string;
  /** Absent: nobody can log in, but the addresses receive mail. */
  readonly password?: string;
  /** The first is the main one; the login by default. */
  readonly addresses?: readonly string[];
  /** Made from the login by default, never the same twice. */
  readonly id?: string;
  /** Octets, or such as `500M`, `2G`. */
  readonly quota?: number | string;
  /** The protocols it may log in with; all by default. */
  readonly protocols?: readonly string[];
}

/**
 * Accounts to change. Every change is made whole, and durable when it resolves. Rejections: `E_USAGE` for what can't be,
 * `E_NOT_FOUND` for an unknown login, `E_DIRECTORY` when it can't be read or written now; nothing is changed then.
 */
export interface AccountEditor {
  /** Adds an account, and makes what keeps them when it is missing. */
  add(user: NewAccount): Promise<Account>;
  /** Sets the password, and with it the SCRAM keys: those of the old one are gone in any case. */
  setPassword(login: string, password: string): Promise<Account>;
  /** The protocols that the account may log in with; all when `undefined`. */
  setProtocols(login: string, protocols: readonly string[] | undefined): Promise<Account>;
  /** Adds a password for one program; it is told here and never again. */
  addApplicationPassword(login: string, name: string, protocols?: readonly string[]): Promise<string>;
  removeApplicationPassword(login: string, name: string): Promise<Account>;
  /** The application passwords of an account, by name. */
  applicationPasswords(login: string): Promise<readonly Omit<ApplicationPassword, 'sha256'>[]>;
  setDisabled(login: string, isDisabled: boolean): Promise<Account>;
  /** Removes the account; its mail stays in the store under its id. */
  remove(login: string): Promise<Account>;
  /** All accounts in order of id. */
  list(): Promise<readonly Account[]>;
}

/** Readable, and never the same twice: who gets a login that somebody else had must not find their mail. */
export function newAccountId(login: string): string {
  const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
  const name = (login.split('@')[0] ?? '')
    .toLowerCase()
    .replace(/[^a-z0-9._-]/g, '')
    .slice(0, 40);
  const mark = Array.from({ length: 8 }, () => alphabet[randomInt(alphabet.length)]).join('');
  return name === '' ? mark : `${name}-${mark}`;
}
