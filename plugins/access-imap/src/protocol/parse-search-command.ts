/** Reading SEARCH, SORT and THREAD. */
import type { SearchCommand, SortCommand, SortCriterion, ThreadCommand } from './command.js';
import { type Cursor, SyntaxFault } from './cursor.js';
import type { CancelUpdateCommand, MultiSearchCommand } from './extension-commands.js';
import { type MailboxFilter, readMailboxFilter } from './mailbox-filter.js';
import type { ParseOptions } from './parse-options.js';
import { readSearchProgram, type SearchKey, usesKey } from './search-program.js';
import type { PartialRange, ReturnOption, SearchReturn } from './search-return.js';

const sortKeys = new Set([
  'ARRIVAL',
  'CC',
  'DATE',
  'DISPLAYFROM',
  'DISPLAYTO',
  'FROM',
  'RELEVANCY',
  'SIZE',
  'SUBJECT',
  'TO',
]);
const returnOptions: ReadonlySet<string> = new Set<ReturnOption>([
  'MIN',
  'MAX',
  'ALL',
  'COUNT',
  'SAVE',
  'CONTEXT',
  'UPDATE',
  'RELEVANCY',
]);
/** Options that say what happens with a result, not what is told of it. */
const silentOptions: ReadonlySet<string> = new Set(['CONTEXT', 'UPDATE']);
/** Most filters in one ESEARCH, and tags in one CANCELUPDATE. */
const sourcesMax = 100;
const partialPattern = /(-?)(\d{1,10}):(-?)(\d{1,10})/y;

/** `SEARCH [RETURN (...)] [CHARSET name] keys`. */
export function readSearch(cursor: Cursor, _: ParseOptions, isUid: boolean): SearchCommand {
  cursor.space();
  const returns = readReturns(cursor);
  const program = readProgram(cursor, returns);
  return returns === undefined
    ? { name: 'SEARCH', isUid, program }
    : { name: 'SEARCH', isUid, returns, program };
}

/** `ESEARCH [IN (sources)] [RETURN (...)] [CHARSET name] keys` (RFC 7377 section 2). */
export function readMultiSearch(cursor: Cursor, { names }: ParseOptions): MultiSearchCommand {
  cursor.space();
  const sources: MailboxFilter[] = [];
  if (cursor.startsWith('IN (')) {
    cursor.atom();
    cursor.space();
    cursor.list(() => {
      if (sources.length >= sourcesMax) throw new SyntaxFault('too many sources');
      sources.push(readMailboxFilter(cursor, names));
    });
    cursor.space();
  }
  const returns = readReturns(cursor) ?? { options: new Set(['ALL'] as const) };
  const program = readProgram(cursor, returns);
  return { name: 'ESEARCH', sources, returns, program };
}

/** `CANCELUPDATE "tag" ...`. */
export function readCancelUpdate(cursor: Cursor): CancelUpdateCommand {
  const tags: string[] = [];
  do {
    cursor.space();
    if (tags.length >= sourcesMax) throw new SyntaxFault('too many tags');
    tags.push(cursor.string());
  } while (!cursor.isAtEnd());
  return { name: 'CANCELUPDATE', tags };
}

function readProgram(cursor: Cursor, returns: SearchReturn | undefined): SearchKey {
  if (cursor.startsWith('CHARSET ')) {
    cursor.atom();
    cursor.space();
    readCharset(cursor);
    cursor.space();
  }
  const program = readSearchProgram(cursor);
  checkRelevancy(returns?.options.has('RELEVANCY') === true, program);
  return program;
}

/** RFC 6203 sections 4 and 6: without a fuzzy key there is no relevancy. */
function checkRelevancy(isAsked: boolean, program: SearchKey): void {
  if (isAsked && !usesKey(program, 'fuzzy')) throw new SyntaxFault('RELEVANCY needs a FUZZY search key');
}

/** `SORT [RETURN (...)] (criteria) charset keys`. */
export function readSort(cursor: Cursor, _: ParseOptions, isUid: boolean): SortCommand {
  cursor.space();
  const returns = readReturns(cursor);
  const criteria: SortCriterion[] = [];
  cursor.list(() => {
    let word = cursor.word();
    const isReverse = word === 'REVERSE';
    if (isReverse) {
      cursor.space();
      word = cursor.word();
    }
    if (!sortKeys.has(word) || criteria.length >= 20) throw new SyntaxFault('unknown sort criterion');
    criteria.push({ by: word as SortCriterion['by'], isReverse });
  });
  cursor.space();
  readCharset(cursor);
  cursor.space();
  const program = readSearchProgram(cursor);
  const isRelevant = returns?.options.has('RELEVANCY') === true;
  checkRelevancy(isRelevant || criteria.some(({ by }) => by === 'RELEVANCY'), program);
  const command = { name: 'SORT' as const, isUid, criteria, program };
  return returns === undefined ? command : { ...command, returns };
}

/** `THREAD algorithm charset keys`. */
export function readThread(cursor: Cursor, _: ParseOptions, isUid: boolean): ThreadCommand {
  cursor.space();
  const algorithm = cursor.word();
  if (algorithm !== 'REFERENCES' && algorithm !== 'ORDEREDSUBJECT') {
    throw new SyntaxFault('unknown threading algorithm');
  }
  cursor.space();
  readCharset(cursor);
  cursor.space();
  return { name: 'THREAD', isUid, algorithm, program: readSearchProgram(cursor) };
}

/** A window of results (RFC 9394 section 3.1). */
export function readPartialRange(cursor: Cursor): PartialRange {
  const text = cursor.tryMatch(partialPattern);
  const [first, last] = (text ?? '').split(':').map(Number);
  if (first === undefined || last === undefined || first === 0 || last === 0 || first < 0 !== last < 0) {
    throw new SyntaxFault('the window of results is not valid');
  }
  return Math.abs(first) <= Math.abs(last) ? { first, last } : { first: last, last: first };
}

function readReturns(cursor: Cursor): SearchReturn | undefined {
  if (!cursor.startsWith('RETURN ')) return undefined;
  cursor.atom();
  cursor.space();
  const options = new Set<ReturnOption>();
  let partial: PartialRange | undefined;
  cursor.list(() => {
    const word = cursor.word();
    if (word === 'PARTIAL') {
      cursor.space();
      partial = readPartialRange(cursor);
    } else if (returnOptions.has(word)) options.add(word as ReturnOption);
    else throw new SyntaxFault('unknown return option');
  }, true);
  cursor.space();
  if (partial !== undefined && options.has('ALL'))
    throw new SyntaxFault('PARTIAL and ALL exclude each other');
  // RFC 4731 section 3.1: `()` means ALL.
  const isNothingAsked = [...options].every((option) => silentOptions.has(option));
  if (isNothingAsked && partial === undefined) options.add('ALL');
  return partial === undefined ? { options } : { options, partial };
}

/** RFC 9051 section 6.4.4: texts are UTF-8 whatever is named, and nothing else may be named. */
function readCharset(cursor: Cursor): void {
  const charset = cursor.astring().toUpperCase();
  if (charset !== 'UTF-8' && charset !== 'US-ASCII') {
    throw new SyntaxFault('the charset is not supported', 'NO', 'BADCHARSET (US-ASCII UTF-8)');
  }
}
