/** Subscriptions of names that have no mailbox any more (RFC 9051 section 6.3.7). */
import {
  compareMailboxNames,
  type MailboxStore,
  normaliseMailboxName,
  withoutLostSubscription,
} from '@postroad/core';
import type { Engine } from './engine.js';
import { accountKey } from './records.js';

/** Reading and ending them. */
export function subscriptionOperations(
  engine: Engine,
): Required<Pick<MailboxStore, 'lostSubscriptions' | 'dropSubscription'>> {
  return {
    async lostSubscriptions(accountId) {
      return engine.read((tables) => {
        const names = tables.accounts.get(accountKey(accountId))?.lostSubscriptions ?? [];
        return [...names].sort(compareMailboxNames);
      });
    },
    dropSubscription(accountId, name) {
      return engine.run((change) => {
        const normal = normaliseMailboxName(name);
        const account = change.accountRecord(accountId);
        const names = account?.lostSubscriptions;
        if (account === undefined || names === undefined || normal === undefined) return;
        if (!names.includes(normal)) return;
        account.lostSubscriptions = withoutLostSubscription(names, normal);
        change.lists.add(accountId);
      });
    },
  };
}
