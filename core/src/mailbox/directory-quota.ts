/** Quotas of a directory, kept by a store. */
import type { Directory } from '../services/directory.js';
import type { MailboxStore } from '../services/mailbox-store.js';
import { delegateStore } from './delegate-store.js';

/** Accounts whose limit is remembered as told to the store. */
const rememberedMax = 10_000;

/**
 * The store with the limits that the directory gives: before a message is filed, and when the quota is asked
 * for, the account's `quotaBytes` is made its limit, and one without it has none. Accounts that the directory does not
 * know keep what `setQuota` said. When the directory can't answer, the limit stays as it was.
 */
export function withDirectoryQuota(
  store: MailboxStore,
  directory: Directory,
  onError: (error: unknown) => void,
): MailboxStore {
  const told = new Map<string, number | undefined>();
  const apply = async (accountId: string): Promise<void> => {
    const account = await directory.byId(accountId).catch((error: unknown) => {
      onError(error);
      return undefined;
    });
    if (account === undefined) return;
    const limit = account.quotaBytes;
    if (told.has(accountId) && told.get(accountId) === limit) return;
    if ((await store.quota(accountId)).limitBytes !== limit) await store.setQuota(accountId, limit);
    if (told.size >= rememberedMax) told.clear();
    told.set(accountId, limit);
  };
  return {
    ...delegateStore(() => store),
    async file(message, filings) {
      for (const accountId of new Set(filings.map((filing) => filing.accountId))) await apply(accountId);
      return store.file(message, filings);
    },
    async quota(accountId) {
      await apply(accountId);
      return store.quota(accountId);
    },
    async setQuota(accountId, limitBytes) {
      told.delete(accountId);
      await store.setQuota(accountId, limitBytes);
    },
  };
}
