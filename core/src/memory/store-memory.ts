/** The plugin `store-memory`: mailboxes in memory. For tests and demonstrations; a restart forgets them. */
import { messageOf } from '../errors.js';
import { definePlugin } from '../plugin/define.js';
import { Clock } from '../services/clock.js';
import { MailboxStore } from '../services/mailbox-store.js';
import { createStoreMemory } from './mailbox-store-memory.js';

/** Provides `MailboxStore` in memory. Message bodies stay where they are and are kept by reference. */
export const storeMemory = definePlugin({
  name: 'store-memory',
  description: 'Mailboxes in memory.',
  needs: { clock: Clock },
  provides: [MailboxStore],
  setup({ services, log, provide, defer }) {
    const store = createStoreMemory({
      nowMs: () => services.clock.now(),
      onError: (error) => log.error('a watcher of mailboxes failed', { error: messageOf(error) }),
    });
    provide(MailboxStore, store);
    defer(() => store.close());
  },
});
