/** Whether a login may come in, for directories that keep main passwords and application passwords themselves. */
import type { Account } from '../values/identity.js';
import { type ApplicationPassword, findApplicationPassword } from './application-password.js';
import type { VerifiedLogins } from './verified-logins.js';
import { type PasswordVerifier, preparePassword } from './verifier.js';

/** What is kept of an account. */
export interface KeptLogin {
  readonly account: Account;
  /** A hash; without one nobody can log in with the main password. */
  readonly passwordHash: string | undefined;
  readonly applicationPasswords: readonly ApplicationPassword[];
}

/** What a login is checked with. */
export interface LoginCheck<Kept extends KeptLogin> {
  readonly passwords: PasswordVerifier;
  /** Logins that were right a moment ago. They must be forgotten when what is kept changes. */
  readonly verified: VerifiedLogins;
  /** What logins are remembered under; the account's id when absent. */
  readonly rememberAs?: string;
  /** Called after a right main password, with whether it should be kept another way. */
  onRight?(kept: Kept, password: string, needsRehash: boolean): void;
}

/**
 * The account, when the password is its main one or an application password, and it is not disabled. An unknown login, a
 * disabled account and a wrong password cost the same hash. Throws what the verifier throws.
 */
export async function verifyLogin<Kept extends KeptLogin>(
  check: LoginCheck<Kept>,
  kept: Kept | undefined,
  password: string,
  signal?: AbortSignal,
): Promise<Account | undefined> {
  const prepared = preparePassword(password);
  const isOpen = kept !== undefined && prepared !== undefined && !kept.account.isDisabled;
  const remembered = check.rememberAs ?? kept?.account.id ?? '';
  if (isOpen && check.verified.has(remembered, prepared)) return kept.account;
  const byApplication = isOpen
    ? loginByApplicationPassword(kept.account, kept.applicationPasswords, prepared)
    : undefined;
  if (byApplication !== undefined) return byApplication;
  const { isRight, needsRehash } = await check.passwords.verify(
    kept?.passwordHash,
    prepared ?? 'none',
    signal,
  );
  if (!isRight || !isOpen) return undefined;
  check.verified.add(remembered, prepared);
  check.onRight?.(kept, password, needsRehash);
  return kept.account;
}

/**
 * The account with what both it and the application password allow; `undefined` when the password is none of these.
 * `password` is prepared, and whether the account is disabled is for the caller to see.
 */
export function loginByApplicationPassword(
  account: Account,
  known: readonly ApplicationPassword[],
  password: string,
): Account | undefined {
  const found = findApplicationPassword(known, password);
  return found === undefined ? undefined : narrowed(account, found.protocols);
}

function narrowed(account: Account, protocols: readonly string[] | undefined): Account {
  if (protocols === undefined) return account;
  const { protocols: own = protocols } = account;
  return { ...account, protocols: protocols.filter((protocol) => own.includes(protocol)) };
}
