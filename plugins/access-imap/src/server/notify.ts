/** NOTIFY: what a client wants to hear of as it happens, in the selected mailbox and in others (RFC 5465). */
import type { ChangeNotice, Mailbox } from '@postroad/core';
import type { NotifyCommand, NotifyEvent, NotifyGroup } from '../protocol/index.js';
import { isMeant } from './mailbox-filters.js';
import { type Outcome, ok } from './outcome.js';
import type { Session } from './session.js';
import { writeStatus } from './status.js';

/** Changes kept for a client that takes none; with more it is told that it has to look for itself. */
const pendingMax = 1_000;

/** What one connection wants to hear of, and what has happened and is not told yet. */
export interface Notify {
  readonly groups: readonly NotifyGroup[];
  /** The group of the selected mailbox. */
  readonly selected: NotifyGroup | undefined;
  /** Mailboxes as the client knows them, by id. */
  readonly known: Map<string, Mailbox>;
  /** Mailboxes whose content changed; whether the list did; annotations that changed, by mailbox. */
  readonly contents: Set<string>;
  isListStale: boolean;
  readonly annotations: Map<string, Set<string>>;
  stop(): void;
}

/** NOTIFY. */
export async function notify(session: Session, command: NotifyCommand): Promise<Outcome> {
  session.notify?.stop();
  session.notify = undefined;
  if (command.groups.length === 0) return ok('nothing is told of any more');
  const active = await begin(session, command.groups);
  if (command.hasStatus) {
    for (const mailbox of active.known.values()) {
      const events = eventsOf(session, active, mailbox);
      if (!events.has('MessageNew') || mailbox.id === session.view?.mailboxId) continue;
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

async function begin(session: Session, groups: readonly NotifyGroup[]): Promise<Notify> {
  const { store } = session.server;
  const active: Notify = {
    groups,
    selected: groups.find(({ filter }) => filter.which.startsWith('selected')),
    known: new Map(),
    contents: new Set(),
    isListStale: false,
    annotations: new Map(),
    // Watching begins before reading, so that nothing falls between.
    stop: store.watch(session.account, (notice) => {
      note(active, notice);
      const count = active.contents.size + active.annotations.size;
      if (count > pendingMax) overflow(session, active);
      session.pump.request();
    }),
  };
  try {
    for (const mailbox of await store.mailboxes(session.account)) active.known.set(mailbox.id, mailbox);
  } catch (error) {
    active.stop();
    throw error;
  }
  return active;
}

function note(active: Notify, { mailboxId, annotations }: ChangeNotice): void {
  if (annotations !== undefined) {
    const place = mailboxId ?? '';
    const entries = active.annotations.get(place) ?? new Set();
    for (const entry of annotations) entries.add(entry);
    active.annotations.set(place, entries);
  } else if (mailboxId === undefined) active.isListStale = true;
  else active.contents.add(mailboxId);
}

/** RFC 5465 section 5.8: from now on nothing is told. */
function overflow(session: Session, active: Notify): void {
  active.stop();
  if (session.notify !== active) return;
  session.notify = undefined;
  session.untagged('OK [NOTIFICATIONOVERFLOW] too much has changed; ask for notifications anew');
  session.wire.output.flush();
}
