/** Reading NOTIFY (RFC 5465). */
import { type Cursor, SyntaxFault } from './cursor.js';
import type { NotifyCommand, NotifyEvent, NotifyGroup } from './extension-commands.js';
import { type FetchItem, readFetchItems } from './fetch-items.js';
import { readMailboxFilter } from './mailbox-filter.js';
import type { ParseOptions } from './parse-options.js';

const events: readonly NotifyEvent[] = [
  'MessageNew',
  'MessageExpunge',
  'FlagChange',
  'MailboxName',
  'SubscriptionChange',
  'MailboxMetadataChange',
  'ServerMetadataChange',
];
/** Most groups in one command. */
const groupsMax = 50;

/** `NOTIFY NONE`, or `NOTIFY SET [STATUS] (filter events) ...`. */
export function readNotify(cursor: Cursor, options: ParseOptions): NotifyCommand {
  cursor.space();
  const word = cursor.word();
  if (word === 'NONE') return { name: 'NOTIFY', groups: [], hasStatus: false };
  if (word !== 'SET') throw new SyntaxFault('expected SET or NONE');
  cursor.space();
  const hasStatus = cursor.startsWith('STATUS ');
  if (hasStatus) {
    cursor.atom();
    cursor.space();
  }
  const groups = [readGroup(cursor, options)];
  while (cursor.skip(' ')) {
    if (groups.length >= groupsMax) throw new SyntaxFault('too many groups');
    groups.push(readGroup(cursor, options));
  }
  if (groups.filter(({ filter }) => isSelected(filter.which)).length > 1) {
    throw new SyntaxFault('the selected mailbox is named twice');
  }
  return { name: 'NOTIFY', groups, hasStatus };
}

function readGroup(cursor: Cursor, { names }: ParseOptions): NotifyGroup {
  cursor.expect('(');
  const filter = readMailboxFilter(cursor, names);
  if (filter.which === 'subtree-one') throw new SyntaxFault('unknown kind of mailboxes');
  cursor.space();
  const found = new Set<NotifyEvent>();
  let items: readonly FetchItem[] = [];
  if (cursor.startsWith('NONE')) cursor.atom();
  else {
    cursor.list(() => {
      const event = readEvent(cursor);
      found.add(event);
      if (event !== 'MessageNew' || !cursor.startsWith(' (')) return;
      cursor.space();
      items = readFetchItems(cursor);
    });
  }
  cursor.expect(')');
  checkEvents(found);
  if (items.length > 0 && !isSelected(filter.which)) {
    throw new SyntaxFault('items of messages are told of the selected mailbox only');
  }
  return { filter, events: found, items };
}

function readEvent(cursor: Cursor): NotifyEvent {
  const word = cursor.word();
  const event = events.find((known) => known.toUpperCase() === word);
  // RFC 5465 section 5: an event that is not known is refused with the list of those that are.
  if (event === undefined) throw new SyntaxFault('unknown event', 'NO', `BADEVENT (${events.join(' ')})`);
  return event;
}

/** RFC 5465 section 5: new and expunged messages go together, and changes of flags need both. */
function checkEvents(found: ReadonlySet<NotifyEvent>): void {
  const hasNew = found.has('MessageNew');
  if (hasNew !== found.has('MessageExpunge')) {
    throw new SyntaxFault('MessageNew and MessageExpunge go together');
  }
  if (found.has('FlagChange') && !hasNew) throw new SyntaxFault('FlagChange needs MessageNew');
}

function isSelected(which: string): boolean {
  return which === 'selected' || which === 'selected-delayed';
}
