/**
 * Searches whose results are kept up to date (RFC 5267 section 4.3): after each change of the selected mailbox the
 * client is told what came into a result and what left it.
 */
import type { MailboxEntry } from '@postroad/core';
import { type CancelUpdateCommand, formatSet, type SearchKey, writeString } from '../protocol/index.js';
import { findMessages } from './find-messages.js';
import { bad, type Outcome, ok } from './outcome.js';
import type { Session } from './session.js';
import type { View, ViewNews } from './view.js';

/** Most searches kept up to date on one connection. */
const updatesMax = 20;

/** What a search was. */
export interface KeptSearch {
  readonly tag: string;
  readonly program: SearchKey;
  readonly isUid: boolean;
  /** What `$` meant when it was made. */
  readonly saved: readonly number[];
}

/** A search kept up to date, and the UIDs in its result. */
export interface SearchUpdate extends KeptSearch {
  readonly uids: Set<number>;
}

/** Keeps a search up to date from now on; the client is told when that can't be done. */
export function keepUpdated(
  session: Session,
  view: View,
  search: KeptSearch,
  indexes: readonly number[],
): void {
  const { updates } = session;
  if (updates.size >= updatesMax && !updates.has(search.tag)) {
    refuseUpdates(session, search.tag);
    return;
  }
  view.isTracking = true;
  updates.set(search.tag, {
    ...search,
    uids: new Set(indexes.map((index) => (view.entries[index] as MailboxEntry).uid)),
  });
}

/** RFC 5267 section 4.3.2: the result stands, and is not kept up to date. */
export function refuseUpdates(session: Session, tag: string): void {
  session.untagged(`OK [NOUPDATE ${writeString(tag, session.strings)}] the result is not kept up to date`);
}

/** CANCELUPDATE. */
export function cancelUpdates(session: Session, command: CancelUpdateCommand): Outcome {
  for (const tag of command.tags) {
    if (!session.updates.delete(tag)) return bad('no search with that tag is kept up to date');
  }
  return ok('no longer kept up to date');
}

/** Tells which results lose expunged messages, with the numbers they have before the expunges are told. */
export function tellRemoved(session: Session, news: ViewNews): void {
  if (news.expungedUids.length === 0) return;
  for (const update of session.updates.values()) {
    const gone: number[] = [];
    news.expungedUids.forEach((uid, at) => {
      if (update.uids.delete(uid)) gone.push(update.isUid ? uid : (news.expunged[at] as number) + at);
    });
    if (gone.length > 0) tellUpdate(session, update, [], gone);
  }
}

/** Looks at messages that are new or changed, and tells which results they came into or left. */
export async function tellUpdates(session: Session, view: View, indexes: readonly number[]): Promise<void> {
  for (const update of session.updates.values()) {
    const scope = { among: indexes, saved: update.saved };
    const found = await findMessages(session, view, update.program, update.isUid, update.tag, scope);
    const fitting = new Set(found);
    const added: number[] = [];
    const removed: number[] = [];
    for (const index of indexes) {
      const { uid } = view.entries[index] as MailboxEntry;
      if (view.isGhost(uid) || fitting.has(index) === update.uids.has(uid)) continue;
      (fitting.has(index) ? added : removed).push(update.isUid ? uid : index + 1);
      if (fitting.has(index)) update.uids.add(uid);
      else update.uids.delete(uid);
    }
    if (added.length + removed.length > 0) tellUpdate(session, update, added, removed);
  }
}

/** RFC 5267 section 4.3.4: the results of SEARCH have no order, so the position is 0. */
function tellUpdate(
  session: Session,
  update: SearchUpdate,
  added: readonly number[],
  removed: readonly number[],
): void {
  let text = `ESEARCH (TAG ${writeString(update.tag, session.strings)})${update.isUid ? ' UID' : ''}`;
  if (removed.length > 0) text += ` REMOVEFROM (0 ${formatSet(removed)})`;
  if (added.length > 0) text += ` ADDTO (0 ${formatSet(added)})`;
  session.untagged(text);
}
