/** Sets of sequence numbers and UIDs (RFC 9051 section 9, `sequence-set`), and the result variable `$` (RFC 5182). */
import { type Cursor, SyntaxFault } from './cursor.js';

/** Ranges, each with its lower end first; `*` is `Infinity`, and sorts as the highest. */
export type Ranges = readonly (readonly [first: number, last: number])[];

/** Which messages a command means. */
export type MessageSet = { readonly kind: 'ranges'; readonly ranges: Ranges } | { readonly kind: 'saved' };

/** Most ranges in one set. */
const rangesMax = 10_000;
const setPattern = /[\d*:,]+/y;
const rangePattern = /^(?:(\d{1,10}|\*))(?::(\d{1,10}|\*))?$/;

/** Reads a set; `$` stands for the saved search result. */
export function readMessageSet(cursor: Cursor): MessageSet {
  if (cursor.skip('$')) return { kind: 'saved' };
  return { kind: 'ranges', ranges: readRanges(cursor) };
}

/** Reads a set that can't be `$`. */
export function readRanges(cursor: Cursor): Ranges {
  const text = cursor.tryMatch(setPattern);
  const ranges = text === undefined ? undefined : parseRanges(text);
  if (ranges === undefined) throw new SyntaxFault('expected a set of numbers');
  return ranges;
}

/** Parses `1:3,5,7:*`; `undefined` when it is none, or has too many ranges. */
export function parseRanges(text: string): Ranges | undefined {
  const ranges: (readonly [number, number])[] = [];
  for (const piece of text.split(',')) {
    const found = rangePattern.exec(piece);
    if (found === null || ranges.length >= rangesMax) return undefined;
    const first = parseEnd(found[1] as string);
    const last = found[2] === undefined ? first : parseEnd(found[2]);
    if (first === undefined || last === undefined) return undefined;
    ranges.push(first <= last ? [first, last] : [last, first]);
  }
  return ranges;
}

/** The shortest set of ascending numbers: `1:3,5`. */
export function formatSet(numbers: readonly number[]): string {
  let text = '';
  for (let at = 0; at < numbers.length; at++) {
    const first = numbers[at] as number;
    let last = first;
    while (numbers[at + 1] === last + 1) {
      last++;
      at++;
    }
    if (text !== '') text += ',';
    text += first === last ? `${first}` : `${first}:${last}`;
  }
  return text;
}

/**
 * Whether a number is in the set when `highest` is the highest in use: `*` means `highest`, and a range with `*`
 * always includes it (RFC 9051 section 9, `seq-range`).
 */
export function isInRanges(ranges: Ranges, value: number, highest: number): boolean {
  for (const [first, last] of ranges) {
    const low = Math.min(first, highest);
    if (
      last === Number.POSITIVE_INFINITY ? value >= low && value <= highest : value >= first && value <= last
    ) {
      return true;
    }
  }
  return false;
}

/** The ranges with `*` put in, sorted and joined, so that they can be walked beside a sorted list. */
export function normalizeRanges(ranges: Ranges, highest: number): readonly (readonly [number, number])[] {
  const resolved = ranges.map(([first, last]): [number, number] =>
    last === Number.POSITIVE_INFINITY ? [Math.min(first, highest), highest] : [first, last],
  );
  if (resolved.length < 2) return resolved;
  resolved.sort((a, b) => a[0] - b[0]);
  const joined: [number, number][] = [];
  for (const range of resolved) {
    const previous = joined.at(-1);
    if (previous !== undefined && range[0] <= previous[1] + 1) previous[1] = Math.max(previous[1], range[1]);
    else joined.push(range);
  }
  return joined;
}

function parseEnd(text: string): number | undefined {
  if (text === '*') return Number.POSITIVE_INFINITY;
  const value = Number(text);
  return value >= 1 && value <= 0xffff_ffff ? value : undefined;
}
