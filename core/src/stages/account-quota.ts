/** The storage limits of the directory's accounts, brought to the mailbox store, which enforces them. */
import { boundedCache } from '../cache.js';
import type { Clock } from '../services/clock.js';
import type { Directory } from '../services/directory.js';
import type { Logger } from '../services/logger.js';
import type { MailboxStore } from '../services/mailbox-store.js';
import type { Account } from '../values/identity.js';

/** What it works with. Functions, because plugins provide the services later. */
export interface QuotaOptions {
  readonly directory: () => Directory | undefined;
  readonly store: () => MailboxStore | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Brings limits over. The directory is right: a limit that it does not have is taken away. Never rejects: a limit that
 * can't be brought over is logged, and mail goes on under the one before.
 */
export interface AccountQuotas {
  /** At a login: the account is at hand. */
  apply(account: Account): Promise<void>;
  /** Before mail is filed for accounts. */
  applyTo(accountIds: ReadonlySet<string>): Promise<void>;
}

/** Accounts whose limit in the store is known; forgotten ones are looked at again. */
const accountsMax = 10_000;
/** For limits that somebody else has changed in the store. */
const lookAgainMs = 600_000;

/** The quotas of one generation. */
export function createAccountQuotas({ directory, store, clock, log }: QuotaOptions): AccountQuotas {
  const known = boundedCache<string, number | 'none'>({ entriesMax: accountsMax, clock });

  async function apply({ id, quotaBytes }: Account): Promise<void> {
    const wanted = quotaBytes ?? 'none';
    const mailboxes = store();
    if (mailboxes === undefined || known.get(id) === wanted) return;
    try {
      const { limitBytes } = await mailboxes.quota(id);
      if (limitBytes !== quotaBytes) await mailboxes.setQuota(id, quotaBytes);
      known.set(id, wanted, lookAgainMs);
    } catch (error) {
      log.error('the quota of an account was not brought over', { account: id, error });
    }
  }

  return {
    apply,
    async applyTo(accountIds) {
      const accounts = directory();
      if (accounts === undefined) return;
      for (const id of accountIds) {
        try {
          const account = await accounts.byId(id);
          if (account !== undefined) await apply(account);
        } catch (error) {
          log.error('the quota of an account is not known', { account: id, error });
        }
      }
    },
  };
}
