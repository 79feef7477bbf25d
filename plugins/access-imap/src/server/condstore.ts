/** Mod-sequences (RFC 7162): which commands enable them, and what a client that comes back has missed. */
import type { Mailbox, MailboxEntry } from '@postroad/core';
import { formatSet, isInRanges, type QresyncParameters, type Ranges } from '../protocol/index.js';
import { writeFlags } from './news.js';
import type { Session } from './session.js';
import type { View } from './view.js';

/** Enables CONDSTORE. The first command that does so is told where the selected mailbox stands. */
export function enableCondstore(session: Session): void {
  if (session.isCondstore) return;
  session.enabled.add('CONDSTORE');
  if (session.view !== undefined) session.untagged(`OK [HIGHESTMODSEQ ${session.view.modSeq}] highest`);
}

/**
 * What a client with a cache has missed since `modSeq` (RFC 7162 section 3.2.5): UIDs that vanished, then flags that
 * changed. Nothing is told when its UIDVALIDITY is of another mailbox.
 */
export async function tellMissed(
  session: Session,
  mailbox: Mailbox,
  view: View,
  known: QresyncParameters,
): Promise<void> {
  if (known.uidValidity !== mailbox.uidValidity) return;
  const among = known.knownUids ?? [[1, Math.max(1, view.uidNext - 1)] as const];
  const vanished = await vanishedSince(session, view, known.modSeq, among);
  if (vanished.length > 0) session.untagged(`VANISHED (EARLIER) ${formatSet(vanished)}`);
  for (let index = 0; index < view.count; index++) {
    const entry = view.entries[index] as MailboxEntry;
    if (entry.modSeq <= known.modSeq || !isInRanges(among, entry.uid, view.lastUid)) continue;
    writeFlags(session, index, entry, true);
    if (session.wire.output.isFull) await session.wire.output.drain();
  }
}

/**
 * UIDs of a set that vanished after a mod-sequence, ascending. When the store's log does not reach back that far, all
 * UIDs of the set that are not there: more than is new, but never wrong (RFC 7162 section 3.2.5.1).
 */
export async function vanishedSince(
  session: Session,
  view: View,
  modSeq: number,
  among: Ranges,
): Promise<number[]> {
  const changes = await session.server.store.changes(view.mailboxId, modSeq);
  const highest = view.uidNext - 1;
  if (changes.isComplete) return changes.vanished.filter((uid) => isInRanges(among, uid, highest));
  const missing: number[] = [];
  for (const [first, last] of among) {
    for (let uid = first; uid <= Math.min(last, highest); uid++) if (view.indexOf(uid) < 0) missing.push(uid);
  }
  return [...new Set(missing)].sort((a, b) => a - b);
}
