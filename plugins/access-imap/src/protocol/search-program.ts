/**
 * Search programs as data (RFC 9051 section 6.4.4, RFC 5032, RFC 6203, RFC 7162, RFC 8474, RFC 8514, RFC 9738), and how
 * they are read.
 */
import { type Cursor, nestingMax, SyntaxFault } from './cursor.js';
import { readDate } from './dates.js';
import { textOf } from './octets.js';
import { type MessageSet, parseRanges, readMessageSet } from './sequence-set.js';

/** How a date is compared: by whole days. */
export type DateRelation = 'before' | 'on' | 'since';

/** One condition. Texts are Unicode, as the client wrote them. */
export type SearchKey =
  | { readonly key: 'all' | 'recent' | 'save-date-supported' }
  | { readonly key: 'and'; readonly keys: readonly SearchKey[] }
  | { readonly key: 'or'; readonly left: SearchKey; readonly right: SearchKey }
  | { readonly key: 'not' | 'fuzzy'; readonly of: SearchKey }
  | { readonly key: 'flag'; readonly flag: string; readonly isSet: boolean }
  | { readonly key: 'sequence' | 'uid'; readonly set: MessageSet }
  | {
      readonly key: 'date';
      readonly of: 'internal' | 'sent' | 'saved';
      readonly is: DateRelation;
      readonly day: number;
    }
  | { readonly key: 'larger' | 'smaller'; readonly sizeOctets: number }
  | { readonly key: 'older' | 'younger'; readonly seconds: number }
  /** `text` empty: the field exists. `field` is lower case. */
  | { readonly key: 'header'; readonly field: string; readonly text: string }
  | { readonly key: 'body' | 'text'; readonly text: string }
  | { readonly key: 'uid-after' | 'uid-before'; readonly uid: number }
  | { readonly key: 'mod-seq'; readonly modSeq: number }
  | { readonly key: 'email-id' | 'thread-id'; readonly id: string };

/** Most conditions in one program. */
const keysMax = 1000;
/** Longest text to look for, in characters. */
const textLengthMax = 4096;

const flagKeys: Readonly<Record<string, readonly [flag: string, isSet: boolean]>> = {
  ANSWERED: ['\\Answered', true],
  UNANSWERED: ['\\Answered', false],
  DELETED: ['\\Deleted', true],
  UNDELETED: ['\\Deleted', false],
  DRAFT: ['\\Draft', true],
  UNDRAFT: ['\\Draft', false],
  FLAGGED: ['\\Flagged', true],
  UNFLAGGED: ['\\Flagged', false],
  SEEN: ['\\Seen', true],
  UNSEEN: ['\\Seen', false],
};
const dateKeys: Readonly<Record<string, readonly ['internal' | 'sent' | 'saved', DateRelation]>> = {
  BEFORE: ['internal', 'before'],
  ON: ['internal', 'on'],
  SINCE: ['internal', 'since'],
  SENTBEFORE: ['sent', 'before'],
  SENTON: ['sent', 'on'],
  SENTSINCE: ['sent', 'since'],
  SAVEDBEFORE: ['saved', 'before'],
  SAVEDON: ['saved', 'on'],
  SAVEDSINCE: ['saved', 'since'],
};
const headerKeys = new Set(['BCC', 'CC', 'FROM', 'SUBJECT', 'TO']);
const setPattern = /[\d*][\d*:,]*(?=[ )]|$)/y;
const keyPattern = /[A-Za-z0-9]+/y;
const objectIdPattern = /^[A-Za-z0-9_-]{1,255}$/;

/** Reads search keys up to the end of the command; several mean that all must fit. */
export function readSearchProgram(cursor: Cursor): SearchKey {
  const budget = { keys: keysMax };
  const keys = [readKey(cursor, 0, budget)];
  while (cursor.skip(' ')) keys.push(readKey(cursor, 0, budget));
  return keys.length === 1 ? (keys[0] as SearchKey) : { key: 'and', keys };
}

/** Whether the program names sequence numbers or depends on mod-sequences: such things change how one answers. */
export function usesKey(program: SearchKey, wanted: SearchKey['key']): boolean {
  switch (program.key) {
    case 'and':
      return program.keys.some((key) => usesKey(key, wanted));
    case 'or':
      return usesKey(program.left, wanted) || usesKey(program.right, wanted);
    case 'not':
      return usesKey(program.of, wanted);
    case 'fuzzy':
      return wanted === 'fuzzy' || usesKey(program.of, wanted);
    default:
      return program.key === wanted;
  }
}

/** Whether the program names messages by sequence number. */
export function usesSequenceNumbers(program: SearchKey): boolean {
  switch (program.key) {
    case 'and':
      return program.keys.some(usesSequenceNumbers);
    case 'or':
      return usesSequenceNumbers(program.left) || usesSequenceNumbers(program.right);
    case 'not':
    case 'fuzzy':
      return usesSequenceNumbers(program.of);
    default:
      return program.key === 'sequence' && program.set.kind === 'ranges';
  }
}

function readKey(cursor: Cursor, depth: number, budget: { keys: number }): SearchKey {
  if (depth > nestingMax) throw new SyntaxFault('the search keys are nested too deep');
  if (--budget.keys < 0) throw new SyntaxFault('too many search keys');
  const here = cursor.peek();
  if (here === '(') {
    const keys: SearchKey[] = [];
    cursor.list(() => keys.push(readKey(cursor, depth + 1, budget)));
    return { key: 'and', keys };
  }
  if (here === '$') return { key: 'sequence', set: readMessageSet(cursor) };
  const set = cursor.tryMatch(setPattern);
  if (set !== undefined) return { key: 'sequence', set: rangesSet(set) };
  const word = (cursor.tryMatch(keyPattern) ?? '').toUpperCase();
  return readNamedKey(cursor, word, depth, budget);
}

function readNamedKey(cursor: Cursor, word: string, depth: number, budget: { keys: number }): SearchKey {
  const flag = flagKeys[word];
  if (flag !== undefined) return { key: 'flag', flag: flag[0], isSet: flag[1] };
  const date = dateKeys[word];
  if (date !== undefined) {
    cursor.space();
    return { key: 'date', of: date[0], is: date[1], day: readDate(cursor) };
  }
  if (headerKeys.has(word)) return { key: 'header', field: word.toLowerCase(), text: readText(cursor) };
  const inner = () => {
    cursor.space();
    return readKey(cursor, depth + 1, budget);
  };
  switch (word) {
    case 'NOT':
      return { key: 'not', of: inner() };
    case 'FUZZY':
      return { key: 'fuzzy', of: inner() };
    case 'OR':
      return { key: 'or', left: inner(), right: inner() };
    default:
      return readPlainKey(cursor, word);
  }
}

function readPlainKey(cursor: Cursor, word: string): SearchKey {
  switch (word) {
    case 'ALL':
      return { key: 'all' };
    // RFC 3501 section 6.4.4; RFC 9051 dropped these.
    case 'RECENT':
      return { key: 'recent' };
    case 'OLD':
      return { key: 'not', of: { key: 'recent' } };
    case 'NEW':
      return { key: 'and', keys: [{ key: 'recent' }, { key: 'flag', flag: '\\Seen', isSet: false }] };
    case 'KEYWORD':
    case 'UNKEYWORD':
      cursor.space();
      return { key: 'flag', flag: cursor.atom(), isSet: word === 'KEYWORD' };
    case 'UID':
      cursor.space();
      return { key: 'uid', set: readMessageSet(cursor) };
    case 'UIDAFTER':
    case 'UIDBEFORE':
      // RFC 9738 section 3.2.
      cursor.space();
      return { key: word === 'UIDAFTER' ? 'uid-after' : 'uid-before', uid: cursor.nonZero() };
    case 'HEADER': {
      cursor.space();
      const field = cursor.text().toLowerCase();
      return { key: 'header', field, text: readText(cursor) };
    }
    case 'BODY':
      return { key: 'body', text: readText(cursor) };
    case 'TEXT':
      return { key: 'text', text: readText(cursor) };
    case 'LARGER':
    case 'SMALLER':
      cursor.space();
      return { key: word === 'LARGER' ? 'larger' : 'smaller', sizeOctets: cursor.number64() };
    case 'OLDER':
    case 'YOUNGER':
      cursor.space();
      return { key: word === 'OLDER' ? 'older' : 'younger', seconds: cursor.nonZero() };
    case 'MODSEQ':
      return readModSeqKey(cursor);
    case 'EMAILID':
    case 'THREADID':
      return readObjectIdKey(cursor, word);
    case 'SAVEDATESUPPORTED':
      return { key: 'save-date-supported' };
    default:
      throw new SyntaxFault('unknown search key');
  }
}

/** RFC 7162 section 3.1.5: an entry name and type may stand before the number; flags share one mod-sequence here. */
function readModSeqKey(cursor: Cursor): SearchKey {
  cursor.space();
  if (cursor.peek() === '"') {
    cursor.string();
    cursor.space();
    if (!/^(?:PRIV|SHARED|ALL)$/.test(cursor.word())) throw new SyntaxFault('unknown entry type');
    cursor.space();
  }
  return { key: 'mod-seq', modSeq: cursor.number64() };
}

function readObjectIdKey(cursor: Cursor, word: 'EMAILID' | 'THREADID'): SearchKey {
  cursor.space();
  const id = cursor.astring();
  if (!objectIdPattern.test(id)) throw new SyntaxFault('not an object identifier');
  return { key: word === 'EMAILID' ? 'email-id' : 'thread-id', id };
}

function readText(cursor: Cursor): string {
  cursor.space();
  const text = textOf(cursor.astring());
  if (text === undefined) throw new SyntaxFault('the text is not UTF-8');
  if (text.length > textLengthMax) throw new SyntaxFault('the text is too long', 'NO', 'LIMIT');
  return text;
}

function rangesSet(text: string): MessageSet {
  const ranges = parseRanges(text);
  if (ranges === undefined) throw new SyntaxFault('expected a set of numbers');
  return { kind: 'ranges', ranges };
}
