/** The plugin `store-lmdb`. */
import { resolve } from 'node:path';
import { Clock, definePlugin, MailboxStore, MailError, messageOf } from '@postroad/core';
import { mailboxCommands } from './commands.js';
import { storeLmdbConfig } from './config.js';
import { createStoreLmdb } from './open-store-lmdb.js';

/**
 * Provides `MailboxStore` on LMDB: nothing to install, one directory. The environment is opened at the start and
 * shared with the next generation of a reload.
 */
export const storeLmdb = definePlugin({
  name: 'store-lmdb',
  description: 'Mailboxes in LMDB, large message bodies in files beside it.',
  config: storeLmdbConfig,
  needs: { clock: Clock },
  provides: [MailboxStore],
  commands: mailboxCommands,
  setup({ config, services, log, provide, onStart, keep }) {
    let store: MailboxStore | undefined;
    provide(
      MailboxStore,
      laterStore(() => store),
    );
    onStart(async () => {
      const onError = (what: string, error: unknown) => log.error(what, { error: messageOf(error) });
      const open = async () => createStoreLmdb(config, { nowMs: () => services.clock.now(), onError });
      store = await keep(`store-lmdb ${resolve(config.directory)}`, open, (kept) => kept.close());
    });
  },
});

/** The store as others get it in their setup, before it is open. */
function laterStore(current: () => MailboxStore | undefined): MailboxStore {
  const store = () => {
    const opened = current();
    if (opened === undefined)
      throw new MailError('E_STATE', 'the mailbox store is used before it is started');
    return opened;
  };
  return {
    mailboxes: async (accountId) => store().mailboxes(accountId),
    mailboxByName: async (accountId, name) => store().mailboxByName(accountId, name),
    mailbox: async (mailboxId) => store().mailbox(mailboxId),
    createMailbox: async (accountId, name, options) => store().createMailbox(accountId, name, options),
    renameMailbox: async (mailboxId, name) => store().renameMailbox(mailboxId, name),
    deleteMailbox: async (mailboxId) => store().deleteMailbox(mailboxId),
    setSubscribed: async (mailboxId, isSubscribed) => store().setSubscribed(mailboxId, isSubscribed),
    file: async (message, filings) => store().file(message, filings),
    entries: async (mailboxId, range) => store().entries(mailboxId, range),
    changeFlags: async (mailboxId, uids, change) => store().changeFlags(mailboxId, uids, change),
    copy: async (mailboxId, uids, target) => store().copy(mailboxId, uids, target),
    move: async (mailboxId, uids, target) => store().move(mailboxId, uids, target),
    expunge: async (mailboxId, uids) => store().expunge(mailboxId, uids),
    changes: async (mailboxId, modSeq) => store().changes(mailboxId, modSeq),
    messages: async (messageIds) => store().messages(messageIds),
    open: async (messageId) => store().open(messageId),
    quota: async (accountId) => store().quota(accountId),
    setQuota: async (accountId, limitBytes) => store().setQuota(accountId, limitBytes),
    watch: (accountId, listener) => store().watch(accountId, listener),
    close: async () => store().close(),
  };
}
