/** How the results of SEARCH and SORT are told and kept (RFC 9051 section 7.3.4, RFC 4731, RFC 5182, RFC 6203, RFC 9394). */
import type { MailboxEntry } from '@postroad/core';
import {
  formatSet,
  mailboxOctets,
  type PartialRange,
  type SearchReturn,
  writeAstring,
  writeString,
} from '../protocol/index.js';
import type { Session } from './session.js';
import type { View } from './view.js';

/** Results of one command. */
export interface Results {
  /** Indexes in the view, in the order to be told. */
  readonly indexes: readonly number[];
  readonly isUid: boolean;
  /** Whether the order is that of SORT: then sets are told in it, not joined across it. */
  readonly isSorted: boolean;
  /** Whether the program looked at mod-sequences: then the highest is told. */
  readonly hasModSeq: boolean;
  /** Relevancies by index, when they were asked for. */
  readonly relevancies?: ReadonlyMap<number, number> | undefined;
  /** The mailbox they are from, when that is told (RFC 7377 section 2.1). */
  readonly mailboxName?: string;
}

/** The untagged SEARCH or SORT response, for commands without RETURN. */
export function writeNumbers(session: Session, view: View, word: 'SEARCH' | 'SORT', results: Results): void {
  let text: string = word;
  for (const number of numbersOf(view, results)) text += ` ${number}`;
  if (results.hasModSeq && results.indexes.length > 0)
    text += ` (MODSEQ ${highestModSeq(view, results.indexes)})`;
  session.untagged(text);
}

/** The untagged ESEARCH response, and the saved result. */
export function writeExtended(
  session: Session,
  view: View,
  tag: string,
  returns: SearchReturn,
  results: Results,
): void {
  const { options, partial } = returns;
  if (options.has('SAVE')) save(session, view, returns, results);
  // RFC 5182 section 2.1: SAVE alone asks for no answer.
  if (options.size === 1 && options.has('SAVE') && partial === undefined) return;
  const numbers = numbersOf(view, results);
  const ascending = results.isSorted ? [...results.indexes].sort((a, b) => a - b) : results.indexes;
  let text = head(session, view, tag, results);
  // RFC 5267 section 3: for SORT, MIN and MAX are the first and last in its order.
  const first = numbers[0];
  const last = numbers.at(-1);
  if (options.has('MIN') && first !== undefined) text += ` MIN ${first}`;
  if (options.has('MAX') && last !== undefined) text += ` MAX ${last}`;
  if (options.has('ALL') && numbers.length > 0) text += ` ALL ${formatSet(numbers)}`;
  if (options.has('COUNT')) text += ` COUNT ${numbers.length}`;
  if (partial !== undefined)
    text += ` PARTIAL (${partial.first}:${partial.last} ${windowText(numbers, partial)})`;
  if (results.relevancies !== undefined && numbers.length > 0) text += relevancyText(results, partial);
  if (results.hasModSeq && ascending.length > 0) {
    text += ` MODSEQ ${highestModSeq(view, mattering(returns, results.indexes))}`;
  }
  session.untagged(text);
}

function head(session: Session, view: View, tag: string, results: Results): string {
  const { mailboxName } = results;
  const name = mailboxName === undefined ? '' : writeAstring(mailboxOctets(mailboxName, session.names));
  const mailbox = name === '' ? '' : ` MAILBOX ${name} UIDVALIDITY ${view.uidValidity}`;
  return `ESEARCH (TAG ${writeString(tag, session.strings)}${mailbox})${results.isUid ? ' UID' : ''}`;
}

/** RFC 6203 section 4: one number for each result, in their order. */
function relevancyText({ indexes, relevancies }: Results, partial: PartialRange | undefined): string {
  const told = partial === undefined ? indexes : windowOf(indexes, partial);
  return ` RELEVANCY (${told.map((index) => relevancies?.get(index) ?? 1).join(' ')})`;
}

/** The part of a list that a window names; negative numbers count from its end (RFC 9394 section 3.1). */
export function windowOf<T>(list: readonly T[], window: PartialRange): readonly T[] {
  if (window.first > 0) return list.slice(window.first - 1, window.last);
  const end = list.length + window.first + 1;
  return list.slice(Math.max(0, list.length + window.last), Math.max(0, end));
}

function windowText(numbers: readonly number[], window: PartialRange): string {
  const shown = windowOf(numbers, window);
  return shown.length === 0 ? 'NIL' : formatSet(shown);
}

function numbersOf(view: View, { indexes, isUid }: Results): number[] {
  return isUid
    ? indexes.map((index) => (view.entries[index] as MailboxEntry).uid)
    : indexes.map((index) => index + 1);
}

/** RFC 5182 section 2.4: what is saved depends on what else is asked for. */
function save(session: Session, view: View, returns: SearchReturn, results: Results): void {
  const uids = mattering(returns, results.indexes).map((index) => (view.entries[index] as MailboxEntry).uid);
  session.savedResult = [...new Set(uids)].sort((a, b) => a - b);
}

/** With MIN or MAX alone only those messages matter, else all found. */
function mattering({ options, partial }: SearchReturn, indexes: readonly number[]): readonly number[] {
  if (partial !== undefined) return windowOf(indexes, partial);
  if (options.has('ALL') || options.has('COUNT') || (!options.has('MIN') && !options.has('MAX')))
    return indexes;
  const kept: number[] = [];
  const first = indexes[0];
  const last = indexes.at(-1);
  if (options.has('MIN') && first !== undefined) kept.push(first);
  if (options.has('MAX') && last !== undefined) kept.push(last);
  return kept;
}

function highestModSeq(view: View, indexes: readonly number[]): number {
  return indexes.reduce((highest, index) => Math.max(highest, view.entries[index]?.modSeq ?? 0), 0);
}
