/**
 * The operations of `store-memory` on what is kept beside mailboxes and messages: annotations, shares, lost
 * subscriptions, and which messages are recent.
 */

import { annotationNotices } from '../mailbox/annotations.js';
import { withoutLostSubscription } from '../mailbox/lost-subscriptions.js';
import { compareMailboxNames, normaliseMailboxName } from '../mailbox/mailbox-name.js';
import type { ChangeNotice, Mailbox, MailboxStore } from '../services/mailbox-store.js';
import type { AnnotationsMemory } from './annotations-memory.js';
import type { SharesMemory } from './shares-memory.js';

/** A mailbox of the store, as far as it matters here. */
interface KnownMailbox {
  readonly id: string;
  readonly accountId: string;
  firstRecent: number;
  facts(): Mailbox;
}

type SideOperations = Required<
  Pick<
    MailboxStore,
    | 'annotations'
    | 'annotate'
    | 'shares'
    | 'setShare'
    | 'sharedWith'
    | 'lostSubscriptions'
    | 'dropSubscription'
    | 'firstRecent'
  >
>;

/** The operations. `mailbox` throws `E_NOT_FOUND` when there is none. */
export function sideOperations(
  annotations: AnnotationsMemory,
  shares: SharesMemory,
  mailbox: (mailboxId: string) => KnownMailbox,
  account: (accountId: string) => { lostSubscriptions: readonly string[] },
  tell: (notice: ChangeNotice) => void,
): SideOperations {
  return {
    async annotations(place) {
      if (place.mailboxId !== undefined) mailbox(place.mailboxId);
      return annotations.get(place);
    },
    async annotate(place, values) {
      const { mailboxId } = place;
      const accountId = mailboxId === undefined ? place.accountId : mailbox(mailboxId).accountId;
      annotations.set(place, values);
      for (const notice of annotationNotices(place, accountId, values.keys())) tell(notice);
    },
    async shares(mailboxId) {
      return shares.of(mailbox(mailboxId).id);
    },
    async setShare(mailboxId, accountId, rights) {
      shares.set(mailbox(mailboxId).id, accountId, rights);
      tell({ accountId });
    },
    async lostSubscriptions(accountId) {
      return [...account(accountId).lostSubscriptions].sort(compareMailboxNames);
    },
    async dropSubscription(accountId, name) {
      const of = account(accountId);
      const left = withoutLostSubscription(of.lostSubscriptions, normaliseMailboxName(name) ?? '');
      if (left === of.lostSubscriptions) return;
      of.lostSubscriptions = left;
      tell({ accountId });
    },
    async firstRecent(mailboxId, claimUpTo = 0) {
      const of = mailbox(mailboxId);
      const first = of.firstRecent;
      of.firstRecent = Math.max(first, Math.min(claimUpTo + 1, of.facts().uidNext));
      return first;
    },
    async sharedWith(accountId) {
      return shares.with(accountId).flatMap(([id, rights]) => {
        const found = mailbox(id);
        return found.accountId === accountId ? [] : [{ mailbox: found.facts(), rights }];
      });
    },
  };
}
