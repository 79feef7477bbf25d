/**
 * Keys in order, sorted only when somebody asks. Keys that are gone may still be listed: who reads looks whether there is
 * an entry, and they are dropped at the next sorting.
 */

/** See the file's comment. */
export interface SortedKeys {
  add(key: string): void;
  /** All keys from `start` on, in order, each once. `has` tells which are still there. */
  from(start: string, has: (key: string) => boolean): IterableIterator<string>;
}

/** No keys. */
export function createSortedKeys(): SortedKeys {
  let sorted: string[] = [];
  let added: string[] = [];

  function sort(has: (key: string) => boolean): void {
    if (added.length === 0) return;
    added.sort(byOctets);
    sorted = merged(sorted, added, has);
    added = [];
  }

  return {
    add: (key) => void added.push(key),
    from(start, has) {
      sort(has);
      return readFrom(sorted, start, has);
    },
  };
}

function* readFrom(
  sorted: readonly string[],
  start: string,
  has: (key: string) => boolean,
): IterableIterator<string> {
  for (let at = placeOf(sorted, start); at < sorted.length; at++) {
    const key = sorted[at] as string;
    if (has(key)) yield key;
  }
}

function byOctets(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Both in one, without doubles and without what is gone. */
function merged(one: readonly string[], two: readonly string[], has: (key: string) => boolean): string[] {
  const all: string[] = [];
  let a = 0;
  let b = 0;
  while (a < one.length || b < two.length) {
    const left = one[a];
    const right = two[b];
    const key = right === undefined || (left !== undefined && left <= right) ? (left as string) : right;
    if (key === left) a++;
    else b++;
    if (all.at(-1) !== key && has(key)) all.push(key);
  }
  return all;
}

/** Where the first key at or behind `start` is. */
function placeOf(sorted: readonly string[], start: string): number {
  let from = 0;
  let to = sorted.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((sorted[middle] as string) < start) from = middle + 1;
    else to = middle;
  }
  return from;
}
