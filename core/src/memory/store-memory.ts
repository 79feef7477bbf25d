/** The plugin `store-memory`: mailboxes in memory. For tests and demonstrations; a restart forgets them. */
import { MailError, messageOf } from '../errors.js';
import { delegateStore } from '../mailbox/delegate-store.js';
import { definePlugin } from '../plugin/define.js';
import { Clock } from '../services/clock.js';
import { MailboxStore } from '../services/mailbox-store.js';
import { createStoreMemory } from './mailbox-store-memory.js';

/** Provides `MailboxStore` in memory; reloads keep it. Message bodies stay where they are and are kept by reference. */
export const storeMemory = definePlugin({
  name: 'store-memory',
  description: 'Mailboxes in memory.',
  needs: { clock: Clock },
  provides: [MailboxStore],
  setup({ services, log, provide, onStart, keep }) {
    let opened: MailboxStore | undefined;
    const open = async () =>
      createStoreMemory({
        nowMs: () => services.clock.now(),
        onError: (error) => log.error('a watcher of mailboxes failed', { error: messageOf(error) }),
      });
    onStart(async () => {
      opened = await keep('mailboxes', open, (kept) => kept.close());
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
