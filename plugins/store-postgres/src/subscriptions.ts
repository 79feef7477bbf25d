/**
 * Subscriptions whose mailbox is gone (RFC 9051 section 6.3.7). Whoever changes them has locked the account. A node of a
 * version that does not know them may make such a mailbox: then its own row counts, and what stands here does not.
 */
import {
  compareMailboxNames,
  lostSubscriptionsMax,
  type MailboxStore,
  normaliseMailboxName,
} from '@postroad/core';
import type { Connection } from '@postroad/postgres';
import { lockAccounts } from './accounts.js';
import { type Engine, guarded } from './engine.js';
import type { MailboxRow } from './rows.js';

const withoutMailbox = `NOT EXISTS (
  SELECT FROM postroad_store_mailboxes m WHERE m.account_id = s.account_id AND m.name = s.name
)`;

/** Reading and ending them. */
export function subscriptionOperations({
  database,
  run,
  notices,
}: Engine): Required<Pick<MailboxStore, 'lostSubscriptions' | 'dropSubscription'>> {
  return {
    async lostSubscriptions(accountId) {
      const rows = await guarded(() =>
        database.query<{ readonly name: string }>(
          `SELECT s.name FROM postroad_store_subscriptions s WHERE s.account_id = $1 AND ${withoutMailbox}`,
          [accountId],
        ),
      );
      return rows.map((row) => row.name).sort(compareMailboxNames);
    },
    async dropSubscription(accountId, name) {
      const normal = normaliseMailboxName(name);
      if (normal === undefined) return;
      const dropped = await run(async (work) => {
        await lockAccounts(work, [accountId]);
        return await work.connection.run(
          `DELETE FROM postroad_store_subscriptions s WHERE s.account_id = $1 AND s.name = $2 AND ${withoutMailbox}`,
          [accountId, normal],
        );
      });
      if (dropped > 0) notices.tell({ accountId });
    },
  };
}

/** Keeps the subscription of a mailbox that was removed just now, if it had one; the oldest above the limit are forgotten. */
export async function keepSubscription(
  connection: Connection,
  { account_id: account, name, is_subscribed: isSubscribed }: MailboxRow,
): Promise<void> {
  if (!isSubscribed) {
    await connection.run('DELETE FROM postroad_store_subscriptions WHERE account_id = $1 AND name = $2', [
      account,
      name,
    ]);
    return;
  }
  await connection.run(
    `INSERT INTO postroad_store_subscriptions (account_id, name) VALUES ($1, $2)
     ON CONFLICT (account_id, name) DO UPDATE SET lost_at = clock_timestamp()`,
    [account, name],
  );
  await connection.run(
    `DELETE FROM postroad_store_subscriptions WHERE (account_id, name) IN (
       SELECT account_id, name FROM postroad_store_subscriptions WHERE account_id = $1
       ORDER BY lost_at DESC OFFSET ${lostSubscriptionsMax}
     )`,
    [account],
  );
}

/** The beginning of a statement that gives mailboxes names: `taken_up` has those that were subscribed without one. */
export function takenUp(account: string, name: string): string {
  return `WITH taken_up AS (
    DELETE FROM postroad_store_subscriptions WHERE account_id = ${account} AND name = ${name} RETURNING name
  )`;
}
