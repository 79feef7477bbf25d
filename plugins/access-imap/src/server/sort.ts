/** SORT (RFC 5256, RFC 5957, RFC 5267, RFC 6203). */
import {
  decodeHeaderValue,
  type EnvelopeAddress,
  foldText,
  type MailboxEntry,
  type MessageEnvelope,
} from '@postroad/core';
import {
  baseSubject,
  parseHeaderDate,
  type SortCommand,
  type SortCriterion,
  usesKey,
} from '../protocol/index.js';
import { breathe } from './breathe.js';
import { enableCondstore } from './condstore.js';
import { findMessages } from './find-messages.js';
import { refusalOfOrder } from './message-limit.js';
import { type Outcome, ok } from './outcome.js';
import { relevanciesOf } from './relevancy.js';
import { refuseUpdates } from './search-updates.js';
import type { Session } from './session.js';
import type { View } from './view.js';
import { writeExtended, writeNumbers } from './write-results.js';

/** Structures read at once. */
const batchSize = 1024;

/** Criteria for which no envelope is needed. */
const entryCriteria: ReadonlySet<SortCriterion['by']> = new Set(['ARRIVAL', 'SIZE', 'RELEVANCY']);

type SortKey = string | number;

/** SORT. */
export async function sort(session: Session, command: SortCommand, tag: string): Promise<Outcome> {
  const view = session.selected;
  const hasModSeq = usesKey(command.program, 'mod-seq');
  if (hasModSeq) enableCondstore(session);
  const refusal = refusalOfOrder(session, view, command.program);
  if (refusal !== undefined) return refusal;
  const found = await findMessages(session, view, command.program, command.isUid, tag);
  const { returns, criteria } = command;
  const needsRelevancy =
    returns?.options.has('RELEVANCY') === true || criteria.some(({ by }) => by === 'RELEVANCY');
  const relevancies = needsRelevancy ? await relevanciesOf(session, view, command.program, found) : undefined;
  const indexes = await sorted(session, view, criteria, found, relevancies);
  const results = { indexes, isUid: command.isUid, isSorted: true, hasModSeq };
  if (returns === undefined) writeNumbers(session, view, 'SORT', results);
  else if (returns.options.has('RELEVANCY'))
    writeExtended(session, view, tag, returns, { ...results, relevancies });
  else writeExtended(session, view, tag, returns, results);
  // CONTEXT=SORT, with places in the order, is not announced.
  if (returns?.options.has('UPDATE') === true) refuseUpdates(session, tag);
  return ok('that is all');
}

/** Indexes in the order of the criteria; equal ones in the order of the mailbox. */
async function sorted(
  session: Session,
  view: View,
  criteria: readonly SortCriterion[],
  indexes: readonly number[],
  relevancies: ReadonlyMap<number, number> | undefined,
): Promise<number[]> {
  const keyed: { readonly index: number; readonly keys: readonly SortKey[] }[] = [];
  // RFC 6203 section 6: the most relevant first.
  const keyOf = (by: SortCriterion['by'], index: number, entry: MailboxEntry, envelope?: MessageEnvelope) =>
    by === 'RELEVANCY' ? -(relevancies?.get(index) ?? 0) : sortKey(by, entry, envelope);
  const needsMessage = criteria.some(({ by }) => !entryCriteria.has(by));
  for (let from = 0; from < indexes.length; from += batchSize) {
    const batch = indexes.slice(from, from + batchSize);
    const entries = batch.map((index) => view.entries[index] as MailboxEntry);
    const messages = needsMessage
      ? await session.server.store.messages(entries.map((entry) => entry.messageId))
      : [];
    batch.forEach((index, at) => {
      const entry = entries[at] as MailboxEntry;
      const envelope = messages[at]?.envelope;
      keyed.push({ index, keys: criteria.map(({ by }) => keyOf(by, index, entry, envelope)) });
    });
    await breathe();
  }
  keyed.sort((a, b) => {
    for (let at = 0; at < criteria.length; at++) {
      const order = compareKeys(a.keys[at] as SortKey, b.keys[at] as SortKey);
      if (order !== 0) return criteria[at]?.isReverse === true ? -order : order;
    }
    return a.index - b.index;
  });
  return keyed.map(({ index }) => index);
}

function compareKeys(a: SortKey, b: SortKey): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function sortKey(
  by: Exclude<SortCriterion['by'], 'RELEVANCY'>,
  entry: MailboxEntry,
  envelope: MessageEnvelope | undefined,
): SortKey {
  switch (by) {
    case 'ARRIVAL':
      return entry.internalDateMs;
    case 'SIZE':
      return entry.sizeBytes;
    case 'DATE':
      return sentAtMs(entry, envelope);
    case 'SUBJECT':
      return collated(foldedSubject(envelope).subject);
    case 'FROM':
      return mailboxKey(envelope?.from);
    case 'TO':
      return mailboxKey(envelope?.to);
    case 'CC':
      return mailboxKey(envelope?.cc);
    case 'DISPLAYFROM':
      return displayKey(envelope?.from);
    case 'DISPLAYTO':
      return displayKey(envelope?.to);
  }
}

/** When it was sent; without a Date that can be read, when it arrived (RFC 5256 section 2.2). */
export function sentAtMs(entry: MailboxEntry, envelope: MessageEnvelope | undefined): number {
  const date = envelope?.date ?? null;
  return (date === null ? undefined : parseHeaderDate(date)?.atMs) ?? entry.internalDateMs;
}

/** Collations compare capitals (RFC 5051): `[` and `_` stand behind the letters. */
function collated(folded: string): string {
  return folded.toUpperCase();
}

/** The folded base subject. */
export function foldedSubject(envelope: MessageEnvelope | undefined): { subject: string; isReply: boolean } {
  const { base, isReply } = baseSubject(decodeHeaderValue(envelope?.subject ?? ''));
  return { subject: foldText(base), isReply };
}

function mailboxKey(addresses: readonly EnvelopeAddress[] | null | undefined): string {
  return collated(foldText(addresses?.[0]?.mailbox ?? ''));
}

/** RFC 5957: the name as people see it, else the address. */
function displayKey(addresses: readonly EnvelopeAddress[] | null | undefined): string {
  const first = addresses?.[0];
  if (first === undefined) return '';
  const name = first.name === null ? '' : decodeHeaderValue(first.name);
  if (name !== '') return collated(foldText(name));
  const address = first.host === null ? (first.mailbox ?? '') : `${first.mailbox ?? ''}@${first.host}`;
  return collated(foldText(address));
}
