/** The operations of `store-memory` on what is kept beside mailboxes and messages: annotations and shares. */

import { annotationNotices } from '../mailbox/annotations.js';
import type { ChangeNotice, Mailbox, MailboxStore } from '../services/mailbox-store.js';
import type { AnnotationsMemory } from './annotations-memory.js';
import type { SharesMemory } from './shares-memory.js';

/** A mailbox of the store, as far as it matters here. */
interface KnownMailbox {
  readonly id: string;
  readonly accountId: string;
  facts(): Mailbox;
}

type SideOperations = Required<
  Pick<MailboxStore, 'annotations' | 'annotate' | 'shares' | 'setShare' | 'sharedWith'>
>;

/** The operations. `mailbox` throws `E_NOT_FOUND` when there is none. */
export function sideOperations(
  annotations: AnnotationsMemory,
  shares: SharesMemory,
  mailbox: (mailboxId: string) => KnownMailbox,
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
    async sharedWith(accountId) {
      return shares.with(accountId).flatMap(([id, rights]) => {
        const found = mailbox(id);
        return found.accountId === accountId ? [] : [{ mailbox: found.facts(), rights }];
      });
    },
  };
}
