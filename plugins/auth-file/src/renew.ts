/** Passwords that were right but are kept in an old way are kept anew, behind the login that brought them. */
import { type Logger, messageOf } from '@postroad/core';
import type { UserRecord } from './user-record.js';
import type { UsersFile } from './users-file.js';

/** Renews one account at a time; what fails is logged once for each account and left as it was. */
export function createRenewal(
  file: UsersFile,
  log: Logger,
): { renew(user: UserRecord, password: string): void; idle(): Promise<void> } {
  const tried = new Set<string>();
  let last: Promise<void> = Promise.resolve();
  const run = async ({ account, passwordHash }: UserRecord, password: string) => {
    try {
      if (await file.renewPassword(account.login, password, passwordHash)) {
        log.info('password kept anew', { account: account.id });
        tried.delete(account.id);
      }
    } catch (error) {
      log.warn('password could not be kept anew', { account: account.id, error: messageOf(error) });
    }
  };
  return {
    renew(user, password) {
      if (tried.has(user.account.id)) return;
      tried.add(user.account.id);
      last = last.then(() => run(user, password));
    },
    idle: () => last,
  };
}
