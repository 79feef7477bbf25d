/** Telling what happened outside the selected mailbox, after NOTIFY (RFC 5465 section 5). */
import type { Mailbox } from '@postroad/core';
import { hierarchySeparator, mailboxOctets, type NotifyEvent, writeAstring } from '../protocol/index.js';
import { type FoundMailbox, mailboxesOfOthers } from './find-mailbox.js';
import { eventsOf, type Notify, readAndWatch, statusItems } from './notify.js';
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
  const before = notify.known.get(id);
  const found = before === undefined ? undefined : await asItStands(session, before);
  if (before === undefined || found === undefined) return;
  notify.known.set(id, found);
  const { mailbox, rights } = found;
  // The selected mailbox is told of in its own way.
  if (id === session.view?.mailboxId || !rights.includes('r')) return;
  const events = eventsOf(session, notify, mailbox);
  const { uidNext, messages } = before.mailbox;
  const isAnotherNumber = mailbox.uidNext !== uidNext || mailbox.messages !== messages;
  if (isAnotherNumber ? events.has('MessageNew') : events.has('FlagChange')) {
    await writeStatus(session, mailbox, statusItems(session, events));
  }
}

/** A mailbox as it stands now, with what may be done with it now. */
async function asItStands(
  session: Session,
  { mailbox, rights }: FoundMailbox,
): Promise<FoundMailbox | undefined> {
  if (mailbox.accountId !== session.account) {
    return (await mailboxesOfOthers(session)).find((found) => found.mailbox.id === mailbox.id);
  }
  const now = await session.server.store.mailbox(mailbox.id);
  return now === undefined ? undefined : { mailbox: now, rights };
}

/** Mailboxes that were made, renamed, removed, subscribed, left or shared (RFC 5465 sections 5.4 and 5.5). */
async function tellList(session: Session, notify: Notify): Promise<void> {
  notify.isListStale = false;
  const gone = new Map(notify.known);
  for (const found of await readAndWatch(session, notify)) {
    const { id } = found.mailbox;
    const before = gone.get(id);
    gone.delete(id);
    // Its numbers are told with its content.
    const { name, isSubscribed } = found.mailbox;
    const mailbox = before === undefined ? found.mailbox : { ...before.mailbox, name, isSubscribed };
    notify.known.set(id, { mailbox, rights: found.rights });
    tellListed(session, notify, before, found);
  }
  for (const [id, before] of gone) {
    notify.known.delete(id);
    const isThere = before.mailbox.accountId !== session.account && (await isKept(session, id));
    if (isListed(before)) tellGone(session, notify, before.mailbox, isThere);
  }
}

function tellListed(
  session: Session,
  notify: Notify,
  before: FoundMailbox | undefined,
  found: FoundMailbox,
): void {
  const { mailbox } = found;
  if (!isListed(found)) {
    if (isListed(before)) tellGone(session, notify, mailbox, true);
    return;
  }
  const events = eventsOf(session, notify, mailbox);
  if (before === undefined || !isListed(before)) {
    if (events.has('MailboxName')) tellMailbox(session, mailbox);
  } else if (before.mailbox.name !== mailbox.name) {
    if (events.has('MailboxName')) tellMailbox(session, mailbox, before.mailbox.name);
  } else if (before.mailbox.isSubscribed !== mailbox.isSubscribed && events.has('SubscriptionChange')) {
    tellMailbox(session, mailbox);
  }
}

/** RFC 4314 section 4: with `l` a mailbox can be seen in lists. */
function isListed(found: FoundMailbox | undefined): boolean {
  return found?.rights.includes('l') === true;
}

async function isKept(session: Session, id: string): Promise<boolean> {
  return (await session.server.store.mailbox(id)) !== undefined;
}

function tellMailbox(session: Session, mailbox: Mailbox, oldName?: string): void {
  const flags = mailbox.isSubscribed ? '\\Subscribed' : '';
  const old = oldName === undefined ? '' : ` ("OLDNAME" (${nameText(session, oldName)}))`;
  session.untagged(`LIST (${flags}) "${hierarchySeparator}" ${nameText(session, mailbox.name)}${old}`);
}

/** RFC 5465 section 5.4: `\NoAccess` is what may not be seen any more. */
function tellGone(session: Session, notify: Notify, mailbox: Mailbox, isThere: boolean): void {
  if (!eventsOf(session, notify, mailbox).has('MailboxName')) return;
  const attribute = isThere ? '\\NoAccess' : '\\NonExistent';
  session.untagged(`LIST (${attribute}) "${hierarchySeparator}" ${nameText(session, mailbox.name)}`);
}

/** RFC 5465 sections 5.6 and 5.7: the names of the entries, without their values. */
function tellAnnotations(session: Session, notify: Notify, id: string, entries: ReadonlySet<string>): void {
  const found = notify.known.get(id);
  // RFC 5465 section 5.6: as with GETMETADATA, whoever may not read hears nothing.
  if (found !== undefined && !found.rights.includes('r')) return;
  const mailbox = found?.mailbox;
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
