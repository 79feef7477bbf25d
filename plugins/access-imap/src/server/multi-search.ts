/** ESEARCH: one search over several mailboxes (RFC 7377). */
import type { Mailbox } from '@postroad/core';
import { type MultiSearchCommand, usesKey, usesSequenceNumbers } from '../protocol/index.js';
import { breathe } from './breathe.js';
import { enableCondstore } from './condstore.js';
import { mailboxesOfOthers } from './find-mailbox.js';
import { findMessages } from './find-messages.js';
import { isMeant } from './mailbox-filters.js';
import { refusalOfMany } from './message-limit.js';
import { bad, type Outcome, ok } from './outcome.js';
import { relevanciesOf } from './relevancy.js';
import { keepUpdated } from './search-updates.js';
import type { Session } from './session.js';
import { View } from './view.js';
import { writeExtended } from './write-results.js';

/** ESEARCH. Results are UIDs; mailboxes in which nothing is found are passed over. */
export async function multiSearch(
  session: Session,
  command: MultiSearchCommand,
  tag: string,
): Promise<Outcome> {
  const refusal = refusalOf(session, command);
  if (refusal !== undefined) return bad(refusal);
  if (usesKey(command.program, 'mod-seq')) enableCondstore(session);
  const { view } = session;
  const selected = view !== undefined && hasSelected(command) ? view : undefined;
  const mailboxes = await meantMailboxes(session, command, selected);
  // How far it came can be told of one mailbox only.
  const count = mailboxes.reduce((sum, { messages }) => sum + messages, selected?.count ?? 0);
  const tooMany = refusalOfMany(session, count);
  if (tooMany !== undefined) return tooMany;
  if (selected !== undefined) await searchOne(session, command, tag, selected, selected.name);
  for (const mailbox of mailboxes) {
    if (session.wire.isEnded) break;
    await searchAnother(session, command, tag, mailbox);
    if (session.wire.output.isFull) await session.wire.output.drain();
    await breathe();
  }
  return ok('that is all');
}

/** The mailboxes to search beside the selected one. */
async function meantMailboxes(
  session: Session,
  command: MultiSearchCommand,
  selected: View | undefined,
): Promise<readonly Mailbox[]> {
  const others = (await mailboxesOfOthers(session)).filter(({ rights }) => rights.includes('r'));
  const own = await session.server.store.mailboxes(session.account);
  return [...own, ...others.map((found) => found.mailbox)].filter(
    (mailbox) =>
      mailbox.id !== selected?.mailboxId &&
      command.sources.some((filter) => isMeant(filter, mailbox, session.account)),
  );
}

async function searchAnother(
  session: Session,
  command: MultiSearchCommand,
  tag: string,
  mailbox: Mailbox,
): Promise<void> {
  if (mailbox.messages === 0) return;
  const entries = await session.server.store.entries(mailbox.id);
  await searchOne(session, command, tag, new View(mailbox, entries, true), mailbox.name);
}

async function searchOne(
  session: Session,
  { program, returns }: MultiSearchCommand,
  tag: string,
  view: View,
  mailboxName: string,
): Promise<void> {
  const indexes = await findMessages(session, view, program, true, tag);
  const isKept = returns.options.has('UPDATE') && view === session.view;
  if (isKept) keepUpdated(session, view, { tag, program, isUid: true, saved: session.savedResult }, indexes);
  if (indexes.length === 0) return;
  const relevancies = returns.options.has('RELEVANCY')
    ? await relevanciesOf(session, view, program, indexes)
    : undefined;
  const hasModSeq = usesKey(program, 'mod-seq');
  const results = { indexes, isUid: true, isSorted: false, hasModSeq, relevancies, mailboxName };
  writeExtended(session, view, tag, returns, results);
}

/** RFC 7377 section 2: what has a meaning in the selected mailbox alone needs it, and nothing else. */
function refusalOf(session: Session, command: MultiSearchCommand): string | undefined {
  const { sources, returns, program } = command;
  const isSelectedOnly = sources.every(isSelected);
  if (session.view === undefined && hasSelected(command)) return 'no mailbox is selected';
  if (isSelectedOnly) return undefined;
  if (returns.options.has('SAVE')) return 'only a result of the selected mailbox can be saved';
  if (usesSequenceNumbers(program)) return 'sequence numbers mean the selected mailbox only';
  return returns.options.has('UPDATE') && !sources.some(isSelected)
    ? 'only a result of the selected mailbox can be kept up to date'
    : undefined;
}

function hasSelected({ sources }: MultiSearchCommand): boolean {
  return sources.length === 0 || sources.some(isSelected);
}

function isSelected({ which }: MultiSearchCommand['sources'][number]): boolean {
  return which === 'selected' || which === 'selected-delayed';
}
