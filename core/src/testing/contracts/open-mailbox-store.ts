/** What the parts of the contract suite for mailboxes work with. */
import type { MailboxStore } from '../../services/mailbox-store.js';

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
