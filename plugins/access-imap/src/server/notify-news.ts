/** Telling what happened outside the selected mailbox, after NOTIFY (RFC 5465 section 5). */
import type { Mailbox } from '@postroad/core';
import { hierarchySeparator, mailboxOctets, type NotifyEvent, writeAstring } from '../protocol/index.js';
import { eventsOf, type Notify, statusItems } from './notify.js';
import type { Session } from './session.js';
import { writeStatus } from './status.js';

/** Whether there is something that has not been told. */
export function hasOtherNews({ notify }: Session): boolean {
  if (notify === undefined) return false;
  return notify.isListStale || notify.contents.size > 0 || notify.annotations.size > 0;
}

/** Tells it. */
export async function tellOtherNews(session: Session): Promise<void> {
  const { notify } = session;
  if (notify === undefined || !hasOtherNews(session)) return;
  if (notify.isListStale) await tellList(session, notify);
  for (const id of notify.contents) {
    notify.contents.delete(id);
    await tellContent(session, notify, id);
    if (session.wire.output.isFull) await session.wire.output.drain();
  }
  for (const [id, entries] of notify.annotations) {
    notify.annotations.delete(id);
    tellAnnotations(session, notify, id, entries);
  }
}

async function tellContent(session: Session, notify: Notify, id: string): Promise<void> {
  const mailbox = await session.server.store.mailbox(id);
  const before = notify.known.get(id);
  if (mailbox === undefined || before === undefined) return;
  notify.known.set(id, mailbox);
  // The selected mailbox is told of in its own way.
  if (id === session.view?.mailboxId) return;
  const events = eventsOf(session, notify, mailbox);
  const isAnotherNumber = mailbox.uidNext !== before.uidNext || mailbox.messages !== before.messages;
  if (isAnotherNumber ? events.has('MessageNew') : events.has('FlagChange')) {
    await writeStatus(session, mailbox, statusItems(session, events));
  }
}

/** Mailboxes that were made, renamed, removed, subscribed or left (RFC 5465 sections 5.4 and 5.5). */
async function tellList(session: Session, notify: Notify): Promise<void> {
  notify.isListStale = false;
  const gone = new Map(notify.known);
  for (const mailbox of await session.server.store.mailboxes(session.account)) {
    const before = gone.get(mailbox.id);
    gone.delete(mailbox.id);
    const events = eventsOf(session, notify, mailbox);
    const told = notify.known.get(mailbox.id);
    // Its numbers are told with its content.
    const { name, isSubscribed } = mailbox;
    notify.known.set(mailbox.id, told === undefined ? mailbox : { ...told, name, isSubscribed });
    if (before === undefined) {
      if (events.has('MailboxName')) tellMailbox(session, mailbox);
    } else if (before.name !== name) {
      if (events.has('MailboxName')) tellMailbox(session, mailbox, before.name);
    } else if (before.isSubscribed !== isSubscribed && events.has('SubscriptionChange')) {
      tellMailbox(session, mailbox);
    }
  }
  for (const [id, mailbox] of gone) {
    notify.known.delete(id);
    if (eventsOf(session, notify, mailbox).has('MailboxName')) tellGone(session, mailbox);
  }
}

function tellMailbox(session: Session, mailbox: Mailbox, oldName?: string): void {
  const flags = mailbox.isSubscribed ? '\\Subscribed' : '';
  const old = oldName === undefined ? '' : ` ("OLDNAME" (${nameText(session, oldName)}))`;
  session.untagged(`LIST (${flags}) "${hierarchySeparator}" ${nameText(session, mailbox.name)}${old}`);
}

function tellGone(session: Session, { name }: Mailbox): void {
  session.untagged(`LIST (\\NonExistent) "${hierarchySeparator}" ${nameText(session, name)}`);
}

/** RFC 5465 sections 5.6 and 5.7: the names of the entries, without their values. */
function tellAnnotations(session: Session, notify: Notify, id: string, entries: ReadonlySet<string>): void {
  const mailbox = notify.known.get(id);
  const isWanted =
    mailbox === undefined
      ? id === '' && hasEvent(notify, 'ServerMetadataChange')
      : eventsOf(session, notify, mailbox).has('MailboxMetadataChange') ||
        (id === session.view?.mailboxId && notify.selected?.events.has('MailboxMetadataChange') === true);
  if (!isWanted) return;
  const place = mailbox === undefined ? '""' : nameText(session, mailbox.name);
  session.untagged(`METADATA ${place} ${[...entries].join(' ')}`);
}

function hasEvent({ groups }: Notify, event: NotifyEvent): boolean {
  return groups.some(({ events }) => events.has(event));
}

function nameText(session: Session, name: string): string {
  return writeAstring(mailboxOctets(name, session.names));
}
