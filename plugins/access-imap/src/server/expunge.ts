/** EXPUNGE and UID EXPUNGE (RFC 9051 sections 6.4.3, RFC 4315). */
import type { MailboxEntry } from '@postroad/core';
import type { ExpungeCommand } from '../protocol/index.js';
import { notAllowed } from './find-mailbox.js';
import { latest, type Share, toldShare } from './message-limit.js';
import { refresh } from './news.js';
import { bad, no, type Outcome, ok } from './outcome.js';
import type { Session } from './session.js';
import type { View } from './view.js';

/** EXPUNGE; the end of the command tells which messages are gone. */
export async function expunge(session: Session, command: ExpungeCommand): Promise<Outcome> {
  const view = session.selected;
  if (view.isReadOnly) return no('the mailbox is open for reading only');
  if (!view.may('e')) return notAllowed();
  let among: ReadonlySet<number> | undefined;
  if (command.set !== undefined) {
    const indexes = view.resolve(command.set, true, session.savedResult);
    if (indexes === undefined) return bad('there are no such messages');
    among = new Set(indexes.map((index) => view.entries[index]?.uid as number));
  }
  const { highestModSeq, share } = await expungeDeleted(session, view, among);
  const code =
    highestModSeq !== undefined && session.enabled.has('QRESYNC')
      ? `HIGHESTMODSEQ ${highestModSeq}`
      : undefined;
  return toldShare(session, share, ok('expunged', code));
}

/**
 * Removes messages with \Deleted, only those `among` when it is given, and then only as many as one command may. Resolves
 * with the new mod-sequence, if any.
 */
export async function expungeDeleted(
  session: Session,
  view: View,
  among?: ReadonlySet<number>,
): Promise<{ readonly highestModSeq?: number; readonly share: Share }> {
  // Others may have set or taken back \Deleted.
  if (view.isStale) await refresh(session, view);
  const indexes: number[] = [];
  for (const [index, entry] of view.entries.entries()) {
    if (!entry.flags.includes('\\Deleted') || view.isGhost(entry.uid)) continue;
    if (among === undefined || among.has(entry.uid)) indexes.push(index);
  }
  // RFC 9738 section 3.1: EXPUNGE and CLOSE have no limit.
  const share = among === undefined ? { indexes } : latest(session, view, indexes);
  if (share.indexes.length === 0) return { share };
  const uids = share.indexes.map((index) => (view.entries[index] as MailboxEntry).uid);
  const { highestModSeq } = await session.server.store.expunge(view.mailboxId, uids);
  view.isStale = true;
  return { highestModSeq, share };
}
