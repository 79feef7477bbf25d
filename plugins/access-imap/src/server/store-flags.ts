/** STORE (RFC 9051 section 6.4.6, RFC 7162 section 3.1.3). */
import type { FlagChange, MailboxEntry } from '@postroad/core';
import { formatSet, type StoreCommand } from '../protocol/index.js';
import { enableCondstore } from './condstore.js';
import { notAllowed } from './find-mailbox.js';
import { latest, type Share, toldShare } from './message-limit.js';
import { fetchHead, refresh, tellKeywords, uidText, writeFlags } from './news.js';
import { bad, no, type Outcome, ok } from './outcome.js';
import type { Session } from './session.js';
import { rightOfFlag, type View } from './view.js';

/** Most keywords in one mailbox, all of which FLAGS must list, and how long one may be. */
const keywordsMax = 1000;
const keywordLengthMax = 100;

/** A STORE whose change is under way; `finish` tells the client what it did. */
export interface StartedStore {
  finish(): Promise<Outcome>;
}

/** STORE. */
export async function storeFlags(session: Session, command: StoreCommand): Promise<Outcome> {
  const view = session.selected;
  const refusal = refusalOf(view, command);
  if (refusal !== undefined) return refusal;
  const indexes = view.resolve(command.set, command.isUid, session.savedResult);
  if (indexes === undefined) return bad('there are no such messages');
  if (view.isStale) await refresh(session, view);
  if (session.view !== view) return no('the mailbox is gone');
  if (command.unchangedSince !== undefined) enableCondstore(session);
  return start(session, view, command, latest(session, view, indexes)).finish();
}

/**
 * Starts a STORE of which others come right behind, so that their changes share a commit; `undefined` for one that must
 * be carried out alone. They are finished in their order, and nothing else is told in between.
 */
export function startStore(session: Session, command: StoreCommand): StartedStore | undefined {
  const { view } = session;
  if (view === undefined || view.isStale || view.areRightsStale || command.unchangedSince !== undefined)
    return undefined;
  if (refusalOf(view, command) !== undefined) return undefined;
  const indexes = view.resolve(command.set, command.isUid, session.savedResult);
  return indexes === undefined ? undefined : start(session, view, command, latest(session, view, indexes));
}

function start(session: Session, view: View, command: StoreCommand, share: Share): StartedStore {
  const { indexes } = share;
  const uids = indexes.map((index) => (view.entries[index] as MailboxEntry).uid);
  const { mode, unchangedSince } = command;
  const flags = allowedFlags(view, command) ?? [];
  const change: FlagChange = unchangedSince === undefined ? { mode, flags } : { mode, flags, unchangedSince };
  const changed = session.server.store.changeFlags(view.mailboxId, uids, change);
  // Whoever finishes it hears of a failure; until then nobody needs to.
  changed.catch(() => undefined);
  return {
    async finish() {
      const result = await changed;
      if (session.view !== view) return no('the mailbox is gone');
      const before = indexes.map((index) => view.entries[index] as MailboxEntry);
      for (const entry of result.entries) view.replaceQuietly(entry);
      tellKeywords(session, view);
      tellChanged(session, view, command, before, new Set(result.refused));
      return toldShare(session, share, finish(view, command, result.refused));
    },
  };
}

function refusalOf(view: View, command: StoreCommand): Outcome | undefined {
  if (view.isReadOnly) return no('the mailbox is open for reading only');
  if (command.flags.some((flag) => flag.length > keywordLengthMax))
    return no('a keyword is too long', 'LIMIT');
  if (command.mode !== 'remove' && newKeywords(view, command.flags) + view.keywords.size > keywordsMax) {
    return no('the mailbox has too many keywords', 'LIMIT');
  }
  return allowedFlags(view, command) === undefined ? notAllowed() : undefined;
}

/** RFC 4314 section 4: of several flags those that one may change; `undefined` when there is none. */
function allowedFlags(view: View, { flags, mode }: StoreCommand): readonly string[] | undefined {
  const allowed = flags.filter((flag) => view.may(rightOfFlag(flag)));
  // Putting flags in the place of others changes all kinds of them.
  if (mode === 'replace') return ['s', 't', 'w'].every((right) => view.may(right)) ? flags : undefined;
  return allowed.length === 0 && flags.length > 0 ? undefined : allowed;
}

function finish(view: View, command: StoreCommand, refused: readonly number[]): Outcome {
  const hasGhosts = view.hasPendingExpunges && !command.isUid;
  if (refused.length > 0) {
    const numbers = command.isUid ? refused : refused.map((uid) => view.indexOf(uid) + 1);
    return ok('some were changed by others meanwhile', `MODIFIED ${formatSet(numbers)}`);
  }
  return hasGhosts ? ok('stored; some messages are gone', 'EXPUNGEISSUED') : ok('stored');
}

/**
 * Tells the new flags. A silent STORE tells only what the client can't know: flags that others changed in between, and
 * the mod-sequence once CONDSTORE is enabled.
 */
function tellChanged(
  session: Session,
  view: View,
  command: StoreCommand,
  before: readonly MailboxEntry[],
  refused: ReadonlySet<number>,
): void {
  for (const old of before) {
    const index = view.indexOf(old.uid);
    if (index < 0 || refused.has(old.uid) || view.isGhost(old.uid)) continue;
    const entry = view.entries[index] as MailboxEntry;
    if (command.isSilent && isExpected(old, entry, command)) {
      if (!session.isCondstore || entry.modSeq === old.modSeq) continue;
      const uid = uidText(session, entry, command.isUid);
      session.untagged(`${fetchHead(session, index, entry)}${uid}MODSEQ (${entry.modSeq}))`);
    } else writeFlags(session, index, entry, command.isUid);
  }
}

function isExpected(old: MailboxEntry, entry: MailboxEntry, command: StoreCommand): boolean {
  if (old === entry) return true;
  const expected = new Set(command.mode === 'replace' ? [] : old.flags.map(fold));
  for (const flag of command.flags) {
    if (command.mode === 'remove') expected.delete(fold(flag));
    else expected.add(fold(flag));
  }
  return expected.size === entry.flags.length && entry.flags.every((flag) => expected.has(fold(flag)));
}

function newKeywords(view: View, flags: readonly string[]): number {
  return flags.filter((flag) => !flag.startsWith('\\') && !view.keywords.has(flag)).length;
}

function fold(flag: string): string {
  return flag.toLowerCase();
}
