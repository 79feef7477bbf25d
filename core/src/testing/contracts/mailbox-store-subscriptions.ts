/** The contract of subscriptions whose mailbox is gone (RFC 9051 section 6.3.7), for stores that keep them. */
import { describe, expect, it } from 'vitest';
import type { MailboxStore } from '../../services/mailbox-store.js';
import { alice, bob, mailboxNamed, noticesOf } from './mailbox-store-kit.js';
import type { OpenMailboxStore } from './open-mailbox-store.js';

/** Tests of them; passed over by a store that forgets a subscription with its mailbox. */
export function lostSubscriptionTests(use: () => OpenMailboxStore): void {
  const test = (name: string, run: (store: MailboxStore) => Promise<void>) =>
    it(name, async (context) => {
      const { store } = use();
      if ((await store.lostSubscriptions?.(alice)) === undefined) context.skip();
      await run(store);
    });

  describe('subscriptions without a mailbox', () => {
    test('keeps the subscription of a removed mailbox until it is ended', async (store) => {
      for (const name of ['gone/b', 'gone', 'never']) {
        const { id } = (await store.mailboxByName(alice, name)) ?? (await store.createMailbox(alice, name));
        if (name !== 'never') await store.setSubscribed(id, true);
        await store.deleteMailbox(id);
      }
      expect(await store.lostSubscriptions?.(alice)).toEqual(['gone', 'gone/b']);
      expect(await store.lostSubscriptions?.(bob)).toEqual([]);
      const notices = noticesOf(store);
      await store.dropSubscription?.(alice, 'gone');
      expect(notices.list).toEqual([{ accountId: alice }]);
      await store.dropSubscription?.(alice, 'INBOX');
      await store.dropSubscription?.(alice, 'bad\0name');
      expect(await store.lostSubscriptions?.(alice)).toEqual(['gone/b']);
      expect((await mailboxNamed(store, 'INBOX')).isSubscribed).toBe(true);
    });

    test('subscribes a mailbox that comes to have such a name', async (store) => {
      for (const name of ['one', 'two', 'three']) {
        const { id } = await store.createMailbox(alice, name);
        await store.setSubscribed(id, true);
        await store.deleteMailbox(id);
      }
      expect((await store.createMailbox(alice, 'one/below')).isSubscribed).toBe(false);
      expect((await mailboxNamed(store, 'one')).isSubscribed).toBe(true);
      const { id } = await store.createMailbox(alice, 'other');
      expect((await store.renameMailbox(id, 'two')).isSubscribed).toBe(true);
      expect(await store.lostSubscriptions?.(alice)).toEqual(['three']);
    });

    it('outlast the store', async (context) => {
      const { store, reopen } = use();
      if (reopen === undefined || (await store.lostSubscriptions?.(alice)) === undefined) context.skip();
      const { id } = await store.createMailbox(alice, 'gone');
      await store.setSubscribed(id, true);
      await store.deleteMailbox(id);
      expect(await (await reopen?.())?.lostSubscriptions?.(alice)).toEqual(['gone']);
    });
  });
}
