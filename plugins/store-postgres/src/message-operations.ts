/** The operations of the store that change messages. */
import type { MailboxStore } from '@postroad/core';
import type { Engine } from './engine.js';
import { changeFlags, copy, expunge, learnKeywords, move } from './message-changes.js';

type MessageOperations = Pick<MailboxStore, 'changeFlags' | 'copy' | 'move' | 'expunge'>;

/** Changing messages. Watchers are told when it is committed. */
export function messageOperations(engine: Engine): MessageOperations {
  const tell = (accountId: string, mailboxIds: readonly string[]): void => {
    for (const mailboxId of new Set(mailboxIds)) engine.notices.tell({ accountId, mailboxId });
  };
  return {
    async changeFlags(mailboxId, uids, change) {
      if (change.mode !== 'remove' && change.flags.some((flag) => !flag.startsWith('\\'))) {
        await engine.run((work) => learnKeywords(work, mailboxId, change.flags));
      }
      const { accountId, changed } = await engine.run((work) => changeFlags(work, mailboxId, uids, change));
      if (changed.entries.length > 0) tell(accountId, [mailboxId]);
      return changed;
    },
    async copy(mailboxId, uids, targetMailboxId) {
      const { accountId, copied } = await engine.run((work) => copy(work, mailboxId, uids, targetMailboxId));
      if (copied.pairs.length > 0) tell(accountId, [targetMailboxId]);
      return copied;
    },
    async move(mailboxId, uids, targetMailboxId) {
      const { accountId, copied } = await engine.run((work) =>
        move(work, mailboxId, uids, targetMailboxId, engine.vanishedMax),
      );
      if (copied.pairs.length > 0) tell(accountId, [mailboxId, targetMailboxId]);
      return copied;
    },
    async expunge(mailboxId, uids) {
      const { accountId, removed } = await engine.run((work) =>
        expunge(work, mailboxId, uids, engine.vanishedMax),
      );
      if (removed.uids.length > 0) tell(accountId, [mailboxId]);
      return removed;
    },
  };
}
