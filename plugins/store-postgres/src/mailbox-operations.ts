/** The operations of the store that change mailboxes themselves. */
import { compareMailboxNames, type Mailbox, type MailboxStore, MailError } from '@postroad/core';
import { createMailbox, gone, lockAccounts, lockMailboxes, renameMailbox, type Work } from './accounts.js';
import type { Engine } from './engine.js';
import { dropMailbox, moveEntries } from './message-changes.js';
import { type AccountRow, type EntryRow, type MailboxRow, mailboxOf } from './rows.js';

type MailboxOperations = Pick<
  MailboxStore,
  'mailboxes' | 'createMailbox' | 'renameMailbox' | 'deleteMailbox' | 'setSubscribed' | 'quota' | 'setQuota'
>;

/** Changing mailboxes. */
export function mailboxOperations(engine: Engine): MailboxOperations {
  const { notices } = engine;
  return {
    mailboxes: (accountId) => list(engine, accountId),
    async createMailbox(accountId, name, options = {}) {
      const made = await engine.run(async (work) => {
        const account = await lockOne(work, accountId);
        const specialUse = options.specialUse ?? null;
        return mailboxOf(await createMailbox(work, account, name, { specialUse, isSubscribed: false }));
      });
      notices.tell({ accountId });
      return made;
    },
    renameMailbox: (mailboxId, name) => rename(engine, mailboxId, name),
    async deleteMailbox(mailboxId) {
      const accountId = await engine.run(async ({ connection }) => {
        const { account, mailboxes } = await lockMailboxes(connection, [mailboxId], { hasAccount: true });
        const mailbox = mailboxes[0] as MailboxRow;
        if (mailbox.name === 'INBOX') throw new MailError('E_MAILBOX_NAME', 'INBOX can not be deleted');
        await dropMailbox(connection, account as AccountRow, mailbox);
        return mailbox.account_id;
      });
      notices.tell({ accountId, mailboxId });
      notices.tell({ accountId });
    },
    async setSubscribed(mailboxId, isSubscribed) {
      const changed = await engine.run(async ({ connection }) => {
        const { mailboxes } = await lockMailboxes(connection, [mailboxId], { hasAccount: false });
        const mailbox = mailboxes[0] as MailboxRow;
        if (mailbox.is_subscribed === isSubscribed) return undefined;
        await connection.run('UPDATE postroad_store_mailboxes SET is_subscribed = $2 WHERE id = $1', [
          mailbox.id,
          isSubscribed,
        ]);
        return mailbox.account_id;
      });
      if (changed !== undefined) notices.tell({ accountId: changed });
    },
    quota: (accountId) =>
      engine.run(async ({ connection }) => {
        const [row] = await connection.query<AccountRow>(
          'SELECT * FROM postroad_store_accounts WHERE id = $1',
          [accountId],
        );
        const limit = row?.limit_bytes ?? null;
        const used = { usedBytes: row?.used_bytes ?? 0, messages: row?.messages ?? 0 };
        return limit === null ? used : { ...used, limitBytes: limit };
      }),
    setQuota: (accountId, limitBytes) =>
      engine.run(async (work) => {
        await lockOne(work, accountId);
        await work.connection.run('UPDATE postroad_store_accounts SET limit_bytes = $2 WHERE id = $1', [
          accountId,
          limitBytes ?? null,
        ]);
      }),
  };
}

async function list(engine: Engine, accountId: string): Promise<readonly Mailbox[]> {
  const rows = await engine.run(async (work) => {
    const select = () =>
      work.connection.query<MailboxRow>('SELECT * FROM postroad_store_mailboxes WHERE account_id = $1', [
        accountId,
      ]);
    const known = await select();
    if (known.length > 0) return known;
    await lockOne(work, accountId);
    return await select();
  });
  return rows.map(mailboxOf).sort((a, b) => compareMailboxNames(a.name, b.name));
}

async function rename(engine: Engine, mailboxId: string, name: string): Promise<Mailbox> {
  const { mailbox, isInbox } = await engine.run(async (work) => {
    const { connection } = work;
    // A mailbox that is made at the same time needs the account: it is locked before any mailbox.
    const locked = await lockMailboxes(connection, [mailboxId], { hasAccount: true });
    const source = locked.mailboxes[0] as MailboxRow;
    const account = locked.account as AccountRow;
    if (source.name !== 'INBOX') {
      await renameMailbox(work, account, source, name);
      return { mailbox: mailboxOf(source), isInbox: false };
    }
    // RFC 9051 section 6.3.6: the messages of INBOX move to the new mailbox, INBOX stays.
    const target = {
      ...(await createMailbox(work, account, name, { specialUse: null, isSubscribed: false })),
    };
    const all = await connection.query<EntryRow>(
      'SELECT * FROM postroad_store_entries WHERE mailbox_id = $1 ORDER BY uid',
      [source.id],
    );
    await moveEntries(work, account, all, [source, target], engine.vanishedMax);
    return { mailbox: mailboxOf(target), isInbox: true };
  });
  const { accountId } = mailbox;
  engine.notices.tell({ accountId });
  if (isInbox) {
    for (const id of [mailboxId, mailbox.id]) engine.notices.tell({ accountId, mailboxId: id });
  }
  return mailbox;
}

async function lockOne(work: Work, accountId: string): Promise<AccountRow> {
  const account = (await lockAccounts(work, [accountId])).get(accountId);
  if (account === undefined) throw gone();
  return account;
}
