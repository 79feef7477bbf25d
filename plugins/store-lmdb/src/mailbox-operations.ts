/** The operations of the store that change mailboxes and accounts. */
import type { MailboxStore } from '@postroad/core';
import type { Change } from './change.js';
import { clearRemoved } from './clear-removed.js';
import type { Engine } from './engine.js';
import { createMailbox, openAccount, removeMailbox, renameMailbox } from './mailbox-changes.js';
import { moveEntries } from './message-operations.js';
import { type MailboxRecord, mailboxFacts } from './records.js';
import { requireMailbox } from './require-mailbox.js';
import { pair } from './tables.js';

type MailboxOperations = Pick<
  MailboxStore,
  'createMailbox' | 'renameMailbox' | 'deleteMailbox' | 'setSubscribed' | 'setQuota' | 'firstRecent'
>;

/** Changing mailboxes. */
export function mailboxOperations(engine: Engine): MailboxOperations {
  return {
    createMailbox(accountId, name, options) {
      const specialUse = options?.specialUse;
      return engine.run((change) =>
        mailboxFacts(createMailbox(change, accountId, name, { specialUse, isSubscribed: false })),
      );
    },
    renameMailbox(mailboxId, name) {
      return engine.run((change) => {
        const mailbox = requireMailbox(change, mailboxId);
        if (mailbox.name === 'INBOX') return mailboxFacts(renameInbox(change, mailbox, name));
        renameMailbox(change, mailbox, name);
        return mailboxFacts(mailbox);
      });
    },
    async deleteMailbox(mailboxId) {
      const number = await engine.run((change) => {
        const mailbox = requireMailbox(change, mailboxId);
        removeMailbox(change, mailbox);
        return mailbox.number;
      });
      await clearRemoved(engine, number);
    },
    setSubscribed(mailboxId, isSubscribed) {
      return engine.run((change) => {
        const mailbox = requireMailbox(change, mailboxId);
        if (mailbox.isSubscribed === isSubscribed) return;
        mailbox.isSubscribed = isSubscribed;
        change.lists.add(mailbox.accountId);
      });
    },
    async firstRecent(mailboxId, claimUpTo = 0) {
      const known = engine.read(() => engine.mailbox(mailboxId).firstRecent ?? 1);
      // Nearly always nothing came since the last session: that costs no commit.
      if (claimUpTo < known) return known;
      return engine.run((change) => {
        const mailbox = requireMailbox(change, mailboxId);
        const first = mailbox.firstRecent ?? 1;
        mailbox.firstRecent = Math.max(first, Math.min(claimUpTo + 1, mailbox.uidNext));
        return first;
      });
    },
    setQuota(accountId, limitBytes) {
      return engine.run((change) => {
        openAccount(change, accountId).limitBytes = limitBytes ?? null;
      });
    },
  };
}

/** RFC 9051 section 6.3.6: INBOX stays, its messages go to a new mailbox. */
function renameInbox(change: Change, inbox: MailboxRecord, name: string): MailboxRecord {
  const target = createMailbox(change, inbox.accountId, name, { isSubscribed: false });
  const range = { start: pair(inbox.number, 0), end: pair(inbox.number + 1, 0) };
  const uids: number[] = [];
  for (const key of change.environment.tables.entries.getKeys(range)) uids.push(key[1] as number);
  moveEntries(change, inbox, uids, target);
  return target;
}
