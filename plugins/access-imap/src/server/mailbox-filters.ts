/** Which mailboxes a filter means (RFC 5465 section 6, RFC 7377 section 2.2). */
import type { Mailbox } from '@postroad/core';
import { hierarchySeparator, type MailboxFilter } from '../protocol/index.js';

/** Whether the filter means the mailbox; those of the selected mailbox are for the caller. */
export function isMeant(filter: MailboxFilter, mailbox: Mailbox, accountId: string): boolean {
  switch (filter.which) {
    case 'selected':
    case 'selected-delayed':
      return false;
    // RFC 5465 section 6.4: those into which mail is delivered; filing rules can name any, by default it is INBOX.
    case 'inboxes':
      return mailbox.accountId === accountId && mailbox.name === 'INBOX';
    case 'personal':
      return mailbox.accountId === accountId;
    case 'subscribed':
      return mailbox.isSubscribed;
    case 'subtree':
      return filter.names.some((name) => mailbox.name === name || levelsBelow(mailbox.name, name) > 0);
    case 'subtree-one':
      return filter.names.some((name) => mailbox.name === name || levelsBelow(mailbox.name, name) === 1);
    case 'mailboxes':
      return filter.names.includes(mailbox.name);
  }
}

function levelsBelow(name: string, parent: string): number {
  if (!name.startsWith(`${parent}${hierarchySeparator}`)) return 0;
  return name.slice(parent.length).split(hierarchySeparator).length - 1;
}
