/** EXPUNGE and UID EXPUNGE (RFC 9051 sections 6.4.3, RFC 4315). */
import type { ExpungeCommand } from '../protocol/index.js';
import { notAllowed } from './find-mailbox.js';
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
  const highestModSeq = await expungeDeleted(session, view, among);
  const code =
    highestModSeq !== undefined && session.enabled.has('QRESYNC')
      ? `HIGHESTMODSEQ ${highestModSeq}`
      : undefined;
  return ok('expunged', code);
}

/** Removes messages with \Deleted, only those `among` when it is given. Resolves with the new mod-sequence, if any. */
export async function expungeDeleted(
  session: Session,
  view: View,
  among?: ReadonlySet<number>,
): Promise<number | undefined> {
  // Others may have set or taken back \Deleted.
  if (view.isStale) await refresh(session, view);
  const uids: number[] = [];
  for (const entry of view.entries) {
    if (!entry.flags.includes('\\Deleted') || view.isGhost(entry.uid)) continue;
    if (among === undefined || among.has(entry.uid)) uids.push(entry.uid);
  }
  if (uids.length === 0) return undefined;
  const { highestModSeq } = await session.server.store.expunge(view.mailboxId, uids);
  view.isStale = true;
  return highestModSeq;
}
