/** The plugin `store-memory`: mailboxes in memory. For tests and demonstrations; a restart forgets them. */
import { optional } from '../di/token.js';
import { messageOf } from '../errors.js';
import { withDirectoryQuota } from '../mailbox/directory-quota.js';
import { definePlugin } from '../plugin/define.js';
import { Clock } from '../services/clock.js';
import { Directory } from '../services/directory.js';
import { MailboxStore } from '../services/mailbox-store.js';
import { createStoreMemory } from './mailbox-store-memory.js';

/** Provides `MailboxStore` in memory. Message bodies stay where they are and are kept by reference. With a `Directory`, its quotas are kept. */
export const storeMemory = definePlugin({
  name: 'store-memory',
  description: 'Mailboxes in memory.',
  needs: { clock: Clock, directory: optional(Directory) },
  provides: [MailboxStore],
  setup({ services, log, provide, defer }) {
    const store = createStoreMemory({
      nowMs: () => services.clock.now(),
      onError: (error) => log.error('a watcher of mailboxes failed', { error: messageOf(error) }),
    });
    const onQuotaError = (error: unknown) =>
      log.error('the quota of an account could not be read', { error: messageOf(error) });
    const { directory } = services;
    provide(
      MailboxStore,
      directory === undefined ? store : withDirectoryQuota(store, directory, onQuotaError),
    );
    defer(() => store.close());
  },
});
