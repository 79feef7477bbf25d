/** A mailbox store in front of another. */
import { MailError } from '../errors.js';
import type { MailboxStore } from '../services/mailbox-store.js';

/**
 * A store whose every method asks `current` for the store that does the work, so that it may be opened later, and that
 * others can spread and change. What `current` throws, the method rejects with; `watch` throws it.
 */
export function delegateStore(current: () => MailboxStore): MailboxStore {
  return {
    mailboxes: async (accountId) => current().mailboxes(accountId),
    mailboxByName: async (accountId, name) => current().mailboxByName(accountId, name),
    mailbox: async (mailboxId) => current().mailbox(mailboxId),
    createMailbox: async (accountId, name, options) => current().createMailbox(accountId, name, options),
    renameMailbox: async (mailboxId, name) => current().renameMailbox(mailboxId, name),
    deleteMailbox: async (mailboxId) => current().deleteMailbox(mailboxId),
    setSubscribed: async (mailboxId, isSubscribed) => current().setSubscribed(mailboxId, isSubscribed),
    lostSubscriptions: async (accountId) => current().lostSubscriptions?.(accountId),
    dropSubscription: async (accountId, name) => current().dropSubscription?.(accountId, name),
    file: async (message, filings) => current().file(message, filings),
    fileAll: async (place, messages) => current().fileAll?.(place, messages),
    entries: async (mailboxId, range) => current().entries(mailboxId, range),
    changeFlags: async (mailboxId, uids, change) => current().changeFlags(mailboxId, uids, change),
    copy: async (mailboxId, uids, target) => current().copy(mailboxId, uids, target),
    move: async (mailboxId, uids, target) => current().move(mailboxId, uids, target),
    expunge: async (mailboxId, uids) => current().expunge(mailboxId, uids),
    changes: async (mailboxId, modSeq) => current().changes(mailboxId, modSeq),
    messages: async (messageIds) => current().messages(messageIds),
    open: async (messageId) => current().open(messageId),
    firstRecent: async (mailboxId, claimUpTo) => current().firstRecent?.(mailboxId, claimUpTo),
    textCandidates: async (mailboxId, foldedText) => current().textCandidates?.(mailboxId, foldedText),
    annotations: async (place) => current().annotations?.(place),
    annotate: async (place, values) => {
      const store = current();
      if (store.annotate === undefined)
        throw new MailError('E_MAILBOX_STORE', 'the store keeps no annotations');
      await store.annotate(place, values);
    },
    shares: async (mailboxId) => current().shares?.(mailboxId),
    setShare: async (mailboxId, accountId, rights) => {
      const store = current();
      if (store.setShare === undefined)
        throw new MailError('E_MAILBOX_STORE', 'the store shares no mailboxes');
      await store.setShare(mailboxId, accountId, rights);
    },
    sharedWith: async (accountId) => (await current().sharedWith?.(accountId)) ?? [],
    quota: async (accountId) => current().quota(accountId),
    setQuota: async (accountId, limitBytes) => current().setQuota(accountId, limitBytes),
    watch: (accountId, listener) => current().watch(accountId, listener),
    close: async () => current().close(),
  };
}
