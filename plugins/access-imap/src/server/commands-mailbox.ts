/** CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 9051 sections 6.3.4 to 6.3.8, RFC 6154). */
import { type Mailbox, normaliseMailboxName, type SpecialUse } from '@postroad/core';
import {
  type CreateCommand,
  hierarchySeparator,
  type MailboxCommand,
  type RenameCommand,
} from '../protocol/index.js';
import { isOfOthers, wantMailbox } from './find-mailbox.js';
import { no, type Outcome, ok } from './outcome.js';
import type { Session } from './session.js';

/** Uses a client may give; \All and \Flagged would be views, which the store does not have (RFC 6154 section 2). */
const settableUses: readonly SpecialUse[] = ['Archive', 'Drafts', 'Important', 'Junk', 'Sent', 'Trash'];

/** CREATE. A separator at the end says that mailboxes below it will follow, and is not part of the name. */
export async function create(session: Session, command: CreateCommand): Promise<Outcome> {
  const name = withoutSeparator(command.mailbox);
  if (isUsedByInbox(name)) return no('there is always an INBOX', 'ALREADYEXISTS');
  const { store } = session.server;
  if (session.server.hasShares && isOfOthers(name)) return createForOther(session, name);
  if (command.specialUses.length === 0) {
    return created(await store.createMailbox(session.account, name));
  }
  const specialUse = settableUses.find((use) => use.toLowerCase() === command.specialUses[0]?.toLowerCase());
  if (command.specialUses.length > 1 || specialUse === undefined) {
    return no('a mailbox can not have that use', 'USEATTR');
  }
  return created(await store.createMailbox(session.account, name, { specialUse }));
}

/** RFC 4314 section 4: below a mailbox of somebody else, with the same rights as that one. */
async function createForOther(session: Session, name: string): Promise<Outcome> {
  const parentName = name.slice(0, name.lastIndexOf(hierarchySeparator));
  const wanted = await wantMailbox(session, parentName, 'k');
  if (wanted.refusal !== undefined) return wanted.refusal;
  const { store } = session.server;
  const parent = await store.mailbox(wanted.mailbox.id);
  if (parent === undefined) return no('there is no such mailbox', 'NONEXISTENT');
  const level = name.slice(parentName.length);
  const made = await store.createMailbox(parent.accountId, `${parent.name}${level}`);
  for (const [accountId, rights] of (await store.shares?.(parent.id)) ?? [])
    await store.setShare?.(made.id, accountId, rights);
  return created(made);
}

/** RFC 8474 section 4.2. */
function created(mailbox: Mailbox): Outcome {
  return ok('created', `MAILBOXID (${mailbox.id})`);
}

/** DELETE. */
export async function remove(session: Session, command: MailboxCommand): Promise<Outcome> {
  if (command.mailbox === 'INBOX') return no('INBOX can not be deleted', 'CANNOT');
  const wanted = await wantMailbox(session, withoutSeparator(command.mailbox), 'x');
  if (wanted.refusal !== undefined) return wanted.refusal;
  const { mailbox } = wanted;
  const isInboxOfOther = mailbox.accountId !== session.account && mailbox.name.endsWith('/INBOX');
  if (isInboxOfOther) return no('INBOX can not be deleted', 'CANNOT');
  // Our own view of it would end the connection, as it does for others.
  if (session.view?.mailboxId === mailbox.id) session.unselect();
  await session.server.store.deleteMailbox(mailbox.id);
  return ok('deleted');
}

/** RENAME. */
export async function rename(session: Session, command: RenameCommand): Promise<Outcome> {
  const to = withoutSeparator(command.to);
  if (isUsedByInbox(to)) return no('there is always an INBOX', 'ALREADYEXISTS');
  if (session.server.hasShares && (isOfOthers(command.from) || isOfOthers(to))) {
    return no('only the owner can rename a mailbox', 'CANNOT');
  }
  const mailbox = await find(session, command.from);
  if (mailbox === undefined) return no('there is no such mailbox', 'NONEXISTENT');
  await session.server.store.renameMailbox(mailbox.id, to);
  return ok('renamed');
}

/** SUBSCRIBE and UNSUBSCRIBE. */
export async function subscribe(session: Session, command: MailboxCommand): Promise<Outcome> {
  const mailbox = await find(session, command.mailbox);
  if (mailbox === undefined) {
    return command.name === 'SUBSCRIBE'
      ? no('there is no such mailbox', 'NONEXISTENT')
      : unsubscribeLost(session, withoutSeparator(command.mailbox));
  }
  await session.server.store.setSubscribed(mailbox.id, command.name === 'SUBSCRIBE');
  return ok(command.name === 'SUBSCRIBE' ? 'subscribed' : 'unsubscribed');
}

/** RFC 9051 section 6.3.7: a name stays subscribed when its mailbox is gone, until the client ends that. */
async function unsubscribeLost(session: Session, name: string): Promise<Outcome> {
  const { store } = session.server;
  const normal = normaliseMailboxName(name);
  const isKnown = (await store.lostSubscriptions?.(session.account))?.some((lost) => lost === normal);
  if (isKnown !== true) return no('there is no such subscription', 'NONEXISTENT');
  await store.dropSubscription?.(session.account, name);
  return ok('unsubscribed');
}

function find(session: Session, name: string): Promise<Mailbox | undefined> {
  return session.server.store.mailboxByName(session.account, withoutSeparator(name));
}

function withoutSeparator(name: string): string {
  return name.length > 1 && name.endsWith(hierarchySeparator) ? name.slice(0, -1) : name;
}

function isUsedByInbox(name: string): boolean {
  return name.toUpperCase() === 'INBOX';
}
