/** SELECT, EXAMINE, CLOSE and UNSELECT (RFC 9051 sections 6.3.2, 6.3.3, 6.4.1, 6.4.2). */
import type { Mailbox } from '@postroad/core';
import { mailboxOctets, type SelectCommand, writeAstring } from '../protocol/index.js';
import { tellMissed } from './condstore.js';
import { expungeDeleted } from './expunge.js';
import { wantMailbox } from './find-mailbox.js';
import { flagList } from './news.js';
import { bad, type Outcome, ok } from './outcome.js';
import type { Session } from './session.js';
import { rightOfFlag, type View } from './view.js';

/** SELECT and EXAMINE. */
export async function select(session: Session, command: SelectCommand): Promise<Outcome> {
  if (command.qresync !== undefined && !session.enabled.has('QRESYNC')) return bad('enable QRESYNC first');
  const hadView = session.view !== undefined;
  // RFC 9051 section 6.3.2: a SELECT that fails leaves no mailbox selected.
  session.unselect();
  if (command.isCondstore) session.enabled.add('CONDSTORE');
  const wanted = await wantMailbox(session, command.mailbox, 'r');
  if (wanted.refusal !== undefined) return wanted.refusal;
  const { mailbox, rights } = wanted;
  // RFC 4314 section 5.2: without any right to change something it is open for reading only.
  const isReadOnly = command.name === 'EXAMINE' || !/[swteip]/.test(rights);
  const view = await session.select(mailbox, isReadOnly, rights);
  // RFC 7162 section 3.2.11: responses before this one were about the old mailbox.
  if (hadView) session.untagged('OK [CLOSED] the previous mailbox is closed');
  tellMailbox(session, mailbox, view);
  if (command.qresync !== undefined) await tellMissed(session, mailbox, view, command.qresync);
  return isReadOnly
    ? ok('the mailbox is open for reading', 'READ-ONLY')
    : ok('the mailbox is open', 'READ-WRITE');
}

/** CLOSE: removes what is marked as deleted, without telling, and leaves the mailbox. */
export async function close(session: Session): Promise<Outcome> {
  const view = session.selected;
  const mayExpunge = !view.isReadOnly && view.may('e');
  const modSeq = !mayExpunge ? undefined : (await expungeDeleted(session, view)).highestModSeq;
  const hasModSeq = modSeq !== undefined && session.enabled.has('QRESYNC');
  session.unselect();
  return ok('the mailbox is closed', hasModSeq ? `HIGHESTMODSEQ ${modSeq}` : undefined);
}

/** UNSELECT (RFC 3691): leaves the mailbox, and removes nothing. */
export function unselect(session: Session): Outcome {
  session.unselect();
  return ok('the mailbox is closed');
}

function tellMailbox(session: Session, mailbox: Mailbox, view: View): void {
  const isRev2 = session.enabled.has('IMAP4REV2');
  session.untagged(`FLAGS (${flagList(view)})`);
  const permanent = view.isReadOnly ? '' : permanentFlags(view);
  session.untagged(`OK [PERMANENTFLAGS (${permanent})] flags that last`);
  session.untagged(`${view.count} EXISTS`);
  if (!isRev2) {
    session.untagged(`${view.recent.size} RECENT`);
    const unseen = mailbox.unseen === 0 ? -1 : firstUnseen(view);
    if (unseen >= 0) session.untagged(`OK [UNSEEN ${unseen + 1}] first unseen`);
  }
  session.untagged(`OK [UIDVALIDITY ${view.uidValidity}] UIDs valid`);
  session.untagged(`OK [UIDNEXT ${view.uidNext}] next UID`);
  session.untagged(`OK [HIGHESTMODSEQ ${view.modSeq}] highest`);
  session.untagged(`OK [MAILBOXID (${mailbox.id})] object identifier`);
  if (isRev2) {
    // RFC 9051 section 6.3.2 asks for a LIST response with the mailbox's name.
    session.untagged(`LIST () "/" ${writeAstring(mailboxOctets(mailbox.name, session.names))}`);
  }
}

/** RFC 4314 section 5.1.1: the flags that the client may change. */
function permanentFlags(view: View): string {
  const flags = flagList(view)
    .split(' ')
    .filter((flag) => view.may(rightOfFlag(flag)));
  return (view.may('w') ? [...flags, '\\*'] : flags).join(' ');
}

function firstUnseen(view: View): number {
  return view.entries.findIndex((entry) => !entry.flags.includes('\\Seen'));
}
