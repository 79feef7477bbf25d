/** NOTIFY: what a client wants to hear of as it happens, in the selected mailbox and in others (RFC 5465). */
import { anyone, type ChangeNotice, type Mailbox } from '@postroad/core';
import type { NotifyCommand, NotifyEvent, NotifyGroup } from '../protocol/index.js';
import { type FoundMailbox, knownMailboxes } from './find-mailbox.js';
import { isMeant } from './mailbox-filters.js';
import { type Outcome, ok } from './outcome.js';
import type { Session } from './session.js';
import { writeStatus } from './status.js';

/** Changes kept for a client that takes none; with more it is told that it has to look for itself. */
const pendingMax = 1_000;
/** Accounts whose shared mailboxes one client can hear of. */
const ownersMax = 1_000;

/** What one connection wants to hear of, and what has happened and is not told yet. */
export interface Notify {
  readonly groups: readonly NotifyGroup[];
  /** The group of the selected mailbox. */
  readonly selected: NotifyGroup | undefined;
  /** Mailboxes as the client knows them, its own and those of others, by id. */
  readonly known: Map<string, FoundMailbox>;
  /** Mailboxes whose content changed; whether the list did; annotations that changed, by mailbox. */
  readonly contents: Set<string>;
  isListStale: boolean;
  readonly annotations: Map<string, Set<string>>;
  /** How to stop watching, by account: one's own, `anyone`, and those whose mailboxes are meant. */
  readonly watched: Map<string, () => void>;
}

/** NOTIFY. */
export async function notify(session: Session, command: NotifyCommand): Promise<Outcome> {
  session.endNotify();
  if (command.groups.length === 0) return ok('nothing is told of any more');
  const active = await begin(session, command.groups);
  if (command.hasStatus) {
    for (const { mailbox, rights } of active.known.values()) {
      const events = eventsOf(session, active, mailbox);
      if (!events.has('MessageNew') || !rights.includes('r')) continue;
      if (mailbox.id === session.view?.mailboxId) continue;
      await writeStatus(session, mailbox, statusItems(session, events));
    }
  }
  session.notify = active;
  return ok('changes are told as they happen');
}

/** What STATUS tells after a change (RFC 5465 section 5). */
export function statusItems(session: Session, events: ReadonlySet<NotifyEvent>) {
  const items = ['MESSAGES', 'UIDNEXT', 'UIDVALIDITY'] as const;
  return [
    ...items,
    ...(events.has('FlagChange') ? (['UNSEEN'] as const) : []),
    ...(session.isCondstore ? (['HIGHESTMODSEQ'] as const) : []),
  ];
}

const nothing: ReadonlySet<NotifyEvent> = new Set();

/** What is to be told of a mailbox that is not selected: what the first group says that means it. */
export function eventsOf(
  session: Session,
  { groups }: Pick<Notify, 'groups'>,
  mailbox: Mailbox,
): ReadonlySet<NotifyEvent> {
  return groups.find(({ filter }) => isMeant(filter, mailbox, session.account))?.events ?? nothing;
}

/** Stops watching. */
export function stopWatching({ watched }: Notify): void {
  for (const stop of watched.values()) stop();
  watched.clear();
}

/**
 * The mailboxes there are, after watching the accounts of all that are meant: so that nothing falls between reading and
 * watching.
 */
export async function readAndWatch(session: Session, active: Notify): Promise<readonly FoundMailbox[]> {
  for (;;) {
    const mailboxes = await knownMailboxes(session);
    const owners = mailboxes
      .filter(({ mailbox }) => eventsOf(session, active, mailbox).size > 0)
      .map(({ mailbox }) => mailbox.accountId)
      .filter((accountId) => !active.watched.has(accountId));
    if (owners.length === 0) return mailboxes;
    for (const accountId of new Set(owners)) watch(session, active, accountId);
    if (active.watched.size > ownersMax) {
      overflow(session, active);
      return mailboxes;
    }
  }
}

async function begin(session: Session, groups: readonly NotifyGroup[]): Promise<Notify> {
  const active: Notify = {
    groups,
    selected: groups.find(({ filter }) => filter.which.startsWith('selected')),
    known: new Map(),
    contents: new Set(),
    isListStale: false,
    annotations: new Map(),
    watched: new Map(),
  };
  try {
    watch(session, active, session.account);
    if (session.server.hasShares) watch(session, active, anyone);
    for (const found of await readAndWatch(session, active)) active.known.set(found.mailbox.id, found);
  } catch (error) {
    stopWatching(active);
    throw error;
  }
  return active;
}

function watch(session: Session, active: Notify, accountId: string): void {
  const stop = session.server.store.watch(accountId, (notice) => {
    note(session, active, notice);
    const count = active.contents.size + active.annotations.size;
    if (count > pendingMax) overflow(session, active);
    session.pump.request();
  });
  active.watched.set(accountId, stop);
}

function note(session: Session, active: Notify, { accountId, mailboxId, annotations }: ChangeNotice): void {
  if (annotations !== undefined) {
    // Of an account its own user hears; what is private in a mailbox is told to whose it is.
    if (mailboxId === undefined && accountId !== session.account) return;
    const isOfOther = accountId !== session.account;
    const told = isOfOther ? annotations.filter((entry) => !entry.startsWith('/private/')) : annotations;
    if (told.length === 0) return;
    const place = mailboxId ?? '';
    const entries = active.annotations.get(place) ?? new Set();
    for (const entry of told) entries.add(entry);
    active.annotations.set(place, entries);
  } else if (mailboxId === undefined) active.isListStale = true;
  else if (accountId === session.account || active.known.size === 0 || active.known.has(mailboxId)) {
    active.contents.add(mailboxId);
  }
}

/** RFC 5465 section 5.8: from now on nothing is told. */
function overflow(session: Session, active: Notify): void {
  stopWatching(active);
  if (session.notify !== active) return;
  session.notify = undefined;
  session.untagged('OK [NOTIFICATIONOVERFLOW] too much has changed; ask for notifications anew');
  session.wire.output.flush();
}
