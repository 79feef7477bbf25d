/** Sharing mailboxes with other accounts (RFC 4314). */
import { anyone, joinedRights, type MailboxStore, MailError, sharesMax } from '@postroad/core';
import type { Connection, Postgres } from '@postroad/postgres';
import { gone, lockMailboxes } from './accounts.js';
import { type Engine, guarded } from './engine.js';
import { type MailboxRow, mailboxOf, parseId } from './rows.js';

interface ShareRow {
  readonly account_id: string;
  readonly rights: string;
}

/** Reading and giving rights. */
export function shareOperations({
  database,
  run,
  notices,
}: Engine): Required<Pick<MailboxStore, 'shares' | 'setShare' | 'sharedWith'>> {
  return {
    shares: (mailboxId) => guarded(() => sharesOf(database, mailboxId)),
    async setShare(mailboxId, accountId, rights) {
      await run(({ connection }) => setShare(connection, mailboxId, accountId, rights));
      notices.tell({ accountId });
    },
    sharedWith: (accountId) => guarded(() => sharedWith(database, accountId)),
  };
}

async function sharesOf(database: Postgres, mailboxId: string): Promise<ReadonlyMap<string, string>> {
  // One row at least, when there is such a mailbox.
  const rows = await database.query<{ readonly [K in keyof ShareRow]: string | null }>(
    `SELECT s.account_id, s.rights FROM postroad_store_mailboxes m
     LEFT JOIN postroad_store_shares s ON s.mailbox_id = m.id WHERE m.id = $1 ORDER BY s.account_id`,
    [parseId('F', mailboxId) ?? -1],
  );
  if (rows.length === 0) throw gone();
  return new Map(
    rows.flatMap(({ account_id: account, rights }) =>
      account === null || rights === null ? [] : [[account, rights] as const],
    ),
  );
}

/** The mailbox is locked, so that two who share it at once can not pass the limit. */
async function setShare(
  connection: Connection,
  mailboxId: string,
  accountId: string,
  rights: string,
): Promise<void> {
  const { mailboxes } = await lockMailboxes(connection, [mailboxId], { hasAccount: false });
  const { id } = mailboxes[0] as MailboxRow;
  if (rights === '') {
    await connection.run('DELETE FROM postroad_store_shares WHERE mailbox_id = $1 AND account_id = $2', [
      id,
      accountId,
    ]);
    return;
  }
  await connection.run(
    `INSERT INTO postroad_store_shares (mailbox_id, account_id, rights) VALUES ($1, $2, $3)
     ON CONFLICT (mailbox_id, account_id) DO UPDATE SET rights = EXCLUDED.rights`,
    [id, accountId, rights],
  );
  const [row] = await connection.query<{ number: number }>(
    'SELECT count(*) AS number FROM postroad_store_shares WHERE mailbox_id = $1',
    [id],
  );
  if ((row?.number ?? 0) > sharesMax) throw new MailError('E_QUOTA', 'the mailbox is shared with too many');
}

async function sharedWith(
  database: Postgres,
  accountId: string,
): ReturnType<NonNullable<MailboxStore['sharedWith']>> {
  const rows = await database.query<MailboxRow & { readonly granted: string }>(
    `SELECT m.*, s.granted FROM (
       SELECT mailbox_id, string_agg(rights, '') AS granted FROM postroad_store_shares
       WHERE account_id IN ($1, $2) GROUP BY mailbox_id
     ) s JOIN postroad_store_mailboxes m ON m.id = s.mailbox_id WHERE m.account_id <> $1 ORDER BY m.id`,
    [accountId, anyone],
  );
  return rows.map((row) => ({ mailbox: mailboxOf(row), rights: joinedRights([row.granted]) }));
}
