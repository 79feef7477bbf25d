/** Telling a client what others changed in its selected mailbox (RFC 9051 sections 7.4 and 7.5). */
import { isMailError, type MailboxEntry } from '@postroad/core';
import { formatSet } from '../protocol/index.js';
import { mailboxesOfOthers } from './find-mailbox.js';
import { tellRemoved, tellUpdates } from './search-updates.js';
import type { Session } from './session.js';
import type { View, ViewNews } from './view.js';

/** System flags, as every mailbox has them. */
export const systemFlags = '\\Answered \\Flagged \\Deleted \\Seen \\Draft';

/**
 * Brings the view up to the store, and tells the client. `mayExpunge` is whether the client may be told of expunged
 * messages now. When the mailbox itself is gone, the connection ends (RFC 2180 section 3.3).
 */
export async function tellNews(session: Session, mayExpunge: boolean): Promise<void> {
  const { view } = session;
  if (view === undefined || !(await refreshRights(session, view))) return;
  if (view.isStale) await refresh(session, view);
  if (session.view !== view) return;
  const selected = session.notify?.selected;
  const news = view.takeNews(mayExpunge, selected === undefined || selected.events.has('FlagChange'));
  if (news !== undefined) {
    session.server.recent.add(view, news.newFrom);
    writeNews(session, view, news);
  }
  if (news?.exists !== undefined) await session.onNewMessages?.(news.newFrom);
  if (session.updates.size > 0) await tellUpdates(session, view, toLookAt(view, news));
}

/** Indexes of messages that may have come into the result of a search, or left it. */
function toLookAt(view: View, news: ViewNews | undefined): readonly number[] {
  const indexes = new Set([...view.takeTouched(), ...(news?.changed ?? [])]);
  for (let index = news?.newFrom ?? view.count; index < view.count; index++) indexes.add(index);
  return [...indexes].sort((a, b) => a - b);
}

/**
 * Looks again at what may be done with another's mailbox. Whoever may not read it any more has no business in it: the
 * connection ends, as when it is deleted, and the result is `false`.
 */
export async function refreshRights(session: Session, view: View): Promise<boolean> {
  if (!view.areRightsStale) return true;
  view.areRightsStale = false;
  const found = (await mailboxesOfOthers(session)).find(({ mailbox }) => mailbox.id === view.mailboxId);
  if (found?.rights.includes('r') === true) {
    view.rights = found.rights;
    return true;
  }
  session.unselect();
  session.isOver = true;
  session.untagged('BYE you may not read the selected mailbox any more');
  return false;
}

/** Applies the store's changes to the view without telling them. */
export async function refresh(session: Session, view: View): Promise<void> {
  const { store } = session.server;
  view.isStale = false;
  try {
    const changes = await store.changes(view.mailboxId, view.modSeq);
    if (changes.isComplete) view.apply(changes);
    else view.applyAll(await store.entries(view.mailboxId), changes.highestModSeq);
    tellKeywords(session, view);
  } catch (error) {
    view.isStale = true;
    if (!isMailError(error, 'E_NOT_FOUND')) throw error;
    session.unselect();
    session.isOver = true;
    session.untagged('BYE the selected mailbox has been deleted');
  }
}

/** Tells new keywords: FLAGS lists them before a FETCH shows them. */
export function tellKeywords(session: Session, view: View): void {
  if (view.takeNewKeywords()) session.untagged(`FLAGS (${flagList(view)})`);
}

/** The keywords and system flags of a view, for FLAGS. */
export function flagList(view: View): string {
  return view.keywords.size === 0 ? systemFlags : `${systemFlags} ${[...view.keywords].join(' ')}`;
}

/** FETCH with flags, as told after a change. */
export function writeFlags(session: Session, index: number, entry: MailboxEntry, hasUid: boolean): void {
  const modSeq = session.isCondstore ? ` MODSEQ (${entry.modSeq})` : '';
  const flags = `FLAGS (${flagsText(session, entry)})${modSeq}`;
  session.untagged(`${fetchHead(session, index, entry)}${uidText(session, entry, hasUid)}${flags})`);
}

/** The flags of a message of the selected mailbox, as the client sees them. */
export function flagsText({ view, enabled }: Session, entry: MailboxEntry): string {
  const flags = entry.flags.join(' ');
  // RFC 9051 section 2.3.2 has no \Recent any more.
  if (view === undefined || !view.recent.has(entry.uid) || enabled.has('IMAP4REV2')) return flags;
  return flags === '' ? '\\Recent' : `${flags} \\Recent`;
}

/** What a FETCH response begins with: with UIDONLY it names the UID instead of the number (RFC 9586 section 3.3). */
export function fetchHead(session: Session, index: number, entry: MailboxEntry): string {
  return session.enabled.has('UIDONLY') ? `${entry.uid} UIDFETCH (` : `${index + 1} FETCH (`;
}

/** The UID with a blank behind it, where it must be told (RFC 7162 section 3.2.4). */
export function uidText(session: Session, entry: MailboxEntry, hasUid: boolean): string {
  if (session.enabled.has('UIDONLY')) return '';
  return hasUid || session.enabled.has('QRESYNC') ? `UID ${entry.uid} ` : '';
}

function writeNews(session: Session, view: View, news: ViewNews): void {
  if (session.updates.size > 0) tellRemoved(session, news);
  writeExpunges(session, news);
  if (news.exists !== undefined) {
    session.untagged(`${news.exists} EXISTS`);
    // RFC 3501 section 7.3.2; dropped by RFC 9051.
    if (!session.enabled.has('IMAP4REV2')) session.untagged(`${view.recent.size} RECENT`);
  }
  if (news.hasNewKeywords) session.untagged(`FLAGS (${flagList(view)})`);
  for (const index of news.changed) writeFlags(session, index, view.entries[index] as MailboxEntry, true);
}

function writeExpunges(session: Session, news: ViewNews): void {
  if (news.expungedUids.length === 0) return;
  const gone = new Set(news.expungedUids);
  if (session.savedResult.length > 0) {
    // RFC 5182 section 2.1: expunged messages leave the saved result.
    session.savedResult = session.savedResult.filter((uid) => !gone.has(uid));
  }
  const tellsUids = session.enabled.has('QRESYNC') || session.enabled.has('UIDONLY');
  if (tellsUids) session.untagged(`VANISHED ${formatSet(news.expungedUids)}`);
  else for (const number of news.expunged) session.untagged(`${number} EXPUNGE`);
}
