/** The contract of shared mailboxes (RFC 4314), for stores that share them. */
import { describe, expect, it } from 'vitest';
import type { MailboxStore } from '../../services/mailbox-store.js';
import { alice, bob, expectCode, mailboxNamed, noticesOf } from './mailbox-store-kit.js';
import type { OpenMailboxStore } from './open-mailbox-store.js';

const carol = 'carol';

async function sharedWith(store: MailboxStore, accountId: string): Promise<Record<string, string>> {
  const shared = (await store.sharedWith?.(accountId)) ?? [];
  return Object.fromEntries(shared.map(({ mailbox, rights }) => [mailbox.name, rights]));
}

/** Tests of sharing; passed over by a store that does not share. */
export function shareTests(use: () => OpenMailboxStore): void {
  const test = (name: string, run: (store: MailboxStore, mailboxId: string) => Promise<void>) =>
    it(name, async (context) => {
      const { store } = use();
      const { id } = await mailboxNamed(store, 'INBOX');
      if ((await store.shares?.(id)) === undefined) context.skip();
      await run(store, id);
    });
  describe('sharing mailboxes', () => {
    test('gives rights, changes them and takes them away', async (store, id) => {
      expect(await store.shares?.(id)).toEqual(new Map());
      const notices = noticesOf(store, bob);
      await store.setShare?.(id, bob, 'lr');
      expect(notices.list).toEqual([{ accountId: bob }]);
      notices.stop();
      await store.setShare?.(id, carol, 'l');
      expect(await store.shares?.(id)).toEqual(
        new Map([
          [bob, 'lr'],
          [carol, 'l'],
        ]),
      );
      expect(await sharedWith(store, bob)).toEqual({ INBOX: 'lr' });
      await store.setShare?.(id, bob, 'lrs');
      expect(await sharedWith(store, bob)).toEqual({ INBOX: 'lrs' });
      await store.setShare?.(id, bob, '');
      await store.setShare?.(id, 'nobody', '');
      expect(await sharedWith(store, bob)).toEqual({});
      expect(await store.shares?.(id)).toEqual(new Map([[carol, 'l']]));
    });
    test('anyone means every account, beside what one has itself; never the owner', async (store, id) => {
      await store.setShare?.(id, 'anyone', 'lr');
      await store.setShare?.(id, bob, 'i');
      expect(await sharedWith(store, bob)).toEqual({ INBOX: 'lri' });
      expect(await sharedWith(store, carol)).toEqual({ INBOX: 'lr' });
      expect(await sharedWith(store, alice)).toEqual({});
    });
    test('shares follow a mailbox and go with it', async (store) => {
      const { id } = await store.createMailbox(alice, 'Work');
      await store.setShare?.(id, bob, 'lr');
      await store.renameMailbox(id, 'Play');
      expect(await sharedWith(store, bob)).toEqual({ Play: 'lr' });
      await store.deleteMailbox(id);
      expect(await sharedWith(store, bob)).toEqual({});
      await expectCode(store.shares?.(id) as Promise<unknown>, 'E_NOT_FOUND');
      await expectCode(store.setShare?.(id, bob, 'l') as Promise<unknown>, 'E_NOT_FOUND');
    });
    it('shares outlast the store', async (context) => {
      const { store, reopen } = use();
      const { id } = await mailboxNamed(store, 'INBOX');
      if (reopen === undefined || (await store.shares?.(id)) === undefined) context.skip();
      await store.setShare?.(id, bob, 'lr');
      expect(await sharedWith((await reopen?.()) as MailboxStore, bob)).toEqual({ INBOX: 'lr' });
    });
  });
}
