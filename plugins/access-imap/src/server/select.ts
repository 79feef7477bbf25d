/** SELECT, EXAMINE, CLOSE and UNSELECT (RFC 9051 sections 6.3.2, 6.3.3, 6.4.1, 6.4.2). */
import type { Mailbox } from '@postroad/core';
import { mailboxOctets, type SelectCommand, writeAstring } from '../protocol/index.js';
import { tellMissed } from './condstore.js';
import { expungeDeleted } from './expunge.js';
import { flagList } from './news.js';
import { bad, no, type Outcome, ok } from './outcome.js';
import type { Session } from './session.js';
import type { View } from './view.js';

/** SELECT and EXAMINE. */
export async function select(session: Session, command: SelectCommand): Promise<Outcome> {
  if (command.qresync !== undefined && !session.enabled.has('QRESYNC')) return bad('enable QRESYNC first');
  const hadView = session.view !== undefined;
  // RFC 9051 section 6.3.2: a SELECT that fails leaves no mailbox selected.
  session.unselect();
  if (command.isCondstore) session.enabled.add('CONDSTORE');
  const mailbox = await session.server.store.mailboxByName(session.account, command.mailbox);
  if (mailbox === undefined) return no('there is no such mailbox', 'NONEXISTENT');
  const view = await session.select(mailbox, command.name === 'EXAMINE');
  // RFC 7162 section 3.2.11: responses before this one were about the old mailbox.
  if (hadView) session.untagged('OK [CLOSED] the previous mailbox is closed');
  tellMailbox(session, mailbox, view);
  if (command.qresync !== undefined) await tellMissed(session, mailbox, view, command.qresync);
  return command.name === 'EXAMINE'
    ? ok('the mailbox is open for reading', 'READ-ONLY')
    : ok('the mailbox is open', 'READ-WRITE');
}

/** CLOSE: removes what is marked as deleted, without telling, and leaves the mailbox. */
export async function close(session: Session): Promise<Outcome> {
  const view = session.selected;
  const modSeq = view.isReadOnly ? undefined : await expungeDeleted(session, view);
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
  const permanent = view.isReadOnly ? '' : `${flagList(view)} \\*`;
  session.untagged(`OK [PERMANENTFLAGS (${permanent})] flags that last`);
  session.untagged(`${view.count} EXISTS`);
  if (!isRev2) {
    session.untagged('0 RECENT');
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

function firstUnseen(view: View): number {
  return view.entries.findIndex((entry) => !entry.flags.includes('\\Seen'));
}
