/** `\Recent` (RFC 3501 section 2.3.2): which messages sessions of any node have claimed. */
import type { Postgres } from '@postroad/postgres';
import { gone } from './accounts.js';
import { parseId } from './rows.js';

/** See `MailboxStore.firstRecent`. */
export async function firstRecent(database: Postgres, mailboxId: string, claimUpTo = 0): Promise<number> {
  const id = parseId('F', mailboxId) ?? -1;
  const [known] = await database.query<{ readonly first: number }>(
    'SELECT first_recent AS first FROM postroad_store_mailboxes WHERE id = $1',
    [id],
  );
  if (known === undefined) throw gone();
  // Nearly always nothing came since the last session: that writes nothing.
  if (claimUpTo < known.first) return known.first;
  // What was there before is asked under the lock of the row: of two that claim at once one has nothing.
  const [before] = await database.query<{ readonly first: number }>(
    `WITH before AS (SELECT id, first_recent FROM postroad_store_mailboxes WHERE id = $1 FOR UPDATE)
     UPDATE postroad_store_mailboxes m SET first_recent = greatest(m.first_recent, least($2::bigint + 1, m.uid_next))
     FROM before WHERE m.id = before.id RETURNING before.first_recent AS first`,
    [id, claimUpTo],
  );
  if (before === undefined) throw gone();
  return before.first;
}
