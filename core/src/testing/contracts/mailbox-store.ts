/** The contract suite that every `MailboxStore` passes. A store's own test is a call of it. */
import { afterEach, beforeEach, describe } from 'vitest';
import { annotationTests } from './mailbox-store-annotations.js';
import { copyTests } from './mailbox-store-copies.js';
import { filingTests } from './mailbox-store-filing.js';
import { flagTests } from './mailbox-store-flags.js';
import { mailboxTests } from './mailbox-store-mailboxes.js';
import { shareTests } from './mailbox-store-shares.js';
import { lostSubscriptionTests } from './mailbox-store-subscriptions.js';
import { syncTests } from './mailbox-store-sync.js';
import type { OpenMailboxStore } from './open-mailbox-store.js';

/** How the suite wants a store. */
export interface MailboxStoreWish {
  /** How many removed UIDs a mailbox must at least remember, and about when it should forget. */
  readonly vanishedMax?: number;
}

/** Runs the suite with vitest. `open` makes an empty store; the suite closes it. */
export function mailboxStoreContract(
  name: string,
  open: (wish: MailboxStoreWish) => Promise<OpenMailboxStore>,
): void {
  describe(`${name} as a MailboxStore`, () => {
    let opened: OpenMailboxStore;
    beforeEach(async () => {
      opened = await open({ vanishedMax: 200 });
    });
    afterEach(async () => {
      await opened.close();
    });
    const use = () => opened;
    mailboxTests(use);
    filingTests(use);
    copyTests(use);
    flagTests(use);
    syncTests(use);
    annotationTests(use);
    shareTests(use);
    lostSubscriptionTests(use);
  });
}
