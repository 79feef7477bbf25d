/** Naming several mailboxes at once (RFC 5465 section 6, RFC 7377 section 2.2). */
import { type Cursor, SyntaxFault } from './cursor.js';
import { type NameEncoding, readMailboxName } from './mailbox-name.js';

/** Some mailboxes: by what they are, or those named, with or without all below them. */
export type MailboxFilter =
  | { readonly which: 'selected' | 'selected-delayed' | 'inboxes' | 'personal' | 'subscribed' }
  | { readonly which: 'subtree' | 'subtree-one' | 'mailboxes'; readonly names: readonly string[] };

/** Most mailboxes named in one filter. */
const namesMax = 1000;

/** Reads a filter, such as `personal` or `subtree (Lists Work)`. */
export function readMailboxFilter(cursor: Cursor, names: NameEncoding): MailboxFilter {
  const which = cursor.word().toLowerCase();
  switch (which) {
    case 'selected':
    case 'selected-delayed':
    case 'inboxes':
    case 'personal':
    case 'subscribed':
      return { which };
    case 'subtree':
    case 'subtree-one':
    case 'mailboxes':
      cursor.space();
      return { which, names: readNames(cursor, names) };
    default:
      throw new SyntaxFault('unknown kind of mailboxes');
  }
}

function readNames(cursor: Cursor, encoding: NameEncoding): string[] {
  if (cursor.peek() !== '(') return [readMailboxName(cursor, encoding)];
  const names: string[] = [];
  cursor.list(() => {
    if (names.length >= namesMax) throw new SyntaxFault('too many mailboxes');
    names.push(readMailboxName(cursor, encoding));
  });
  return names;
}
