/** The plugin `store-maildir`. */
import { resolve } from 'node:path';
import {
  Clock,
  definePlugin,
  delegateStore,
  MailboxStore,
  MailError,
  messageOf,
  Random,
} from '@postroad/core';
import { storeMaildirConfig } from './config.js';
import { openStoreMaildir } from './mailbox-store-maildir.js';

/** Provides `MailboxStore` on Maildirs that other programs may use at the same time. Reloads keep it open. */
export const storeMaildir = definePlugin({
  name: 'store-maildir',
  description: 'Mailboxes in Maildirs that other programs share.',
  config: storeMaildirConfig,
  needs: { clock: Clock, random: Random },
  provides: [MailboxStore],
  setup({ config, services, hostname, log, provide, onStart, keep }) {
    let opened: MailboxStore | undefined;
    const open = () =>
      openStoreMaildir({
        ...config,
        clock: services.clock,
        random: services.random,
        hostname,
        lookEveryMs: config.lookEverySeconds * 1_000,
        onError: (what, error) => log.error(what, { error: messageOf(error) }),
      });
    onStart(async () => {
      opened = await keep(`store-maildir ${resolve(config.directory)}`, open, (kept) => kept.close());
    });
    provide(
      MailboxStore,
      delegateStore(() => {
        if (opened !== undefined) return opened;
        throw new MailError('E_STATE', 'the mailbox store is used before it is started');
      }),
    );
  },
});
