/** Subscribing, and subscriptions whose mailbox is gone (RFC 9051 section 6.3.7). */
import { compareMailboxNames, lostSubscriptionsMax, normaliseMailboxName } from '@postroad/core';
import type { Account } from './account.js';
import type { Batch } from './work-queue.js';

/** Subscribes a mailbox, or ends that. */
export async function setSubscribed(
  account: Account,
  mailboxId: string,
  isSubscribed: boolean,
  batch: Batch,
): Promise<void> {
  const { name } = (await account.folder(mailboxId)).folder;
  if (account.subscriptions.has(name) === isSubscribed) return;
  await account.subscriptions.change((names) => {
    if (isSubscribed) names.add(name);
    else names.delete(name);
  });
  batch.isListChanged = true;
}

/** Names that are subscribed without a mailbox, in order. The file has room for more than are told. */
export async function lostSubscriptions(account: Account): Promise<readonly string[]> {
  await account.subscriptions.refresh();
  const lost = [...account.subscriptions.names].filter((name) => account.byName(name) === undefined);
  return lost.slice(-lostSubscriptionsMax).sort(compareMailboxNames);
}

/** Ends the subscription of such a name. */
export async function dropSubscription(account: Account, name: string, batch: Batch): Promise<void> {
  const normal = normaliseMailboxName(name);
  await account.subscriptions.refresh();
  if (normal === undefined || !account.subscriptions.has(normal)) return;
  if (account.byName(normal) !== undefined) return;
  await account.subscriptions.change((names) => void names.delete(normal));
  batch.isListChanged = true;
}
