/** The contract suite that every `MailboxStore` passes. A store's own test is a call of it. */
import { afterEach, beforeEach, describe } from 'vitest';
import type { MailboxStore } from '../../services/mailbox-store.js';
import { annotationTests } from './mailbox-store-annotations.js';
import { copyTests } from './mailbox-store-copies.js';
import { filingTests } from './mailbox-store-filing.js';
import { flagTests } from './mailbox-store-flags.js';
import { mailboxTests } from './mailbox-store-mailboxes.js';
import { shareTests } from './mailbox-store-shares.js';
import { lostSubscriptionTests } from './mailbox-store-subscriptions.js';
import { syncTests } from './mailbox-store-sync.js';

/** A store opened for one test. */
export interface OpenMailboxStore {
  readonly store: MailboxStore;
  /** How many messages the test of a big mailbox files: a multiple of 10, and 10,000 when it is left out. */
  readonly bigMailbox?: number;
  /** Closes the store and opens it again with what it holds; left out by stores that forget. */
  reopen?(): Promise<MailboxStore>;
  /** Closes the store, the reopened one if there is one, and removes what it holds. */
  close(): Promise<void>;
}

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
