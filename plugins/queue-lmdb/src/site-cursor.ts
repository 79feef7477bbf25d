/** Walks over the recipients of one site in the due index. */
import { behindSite, type DueEntry, dueBound, readDueKey } from './keys.js';
import { type TableReader, table } from './tables/tables.js';

/** See the file's comment. `current` is `undefined` behind the last. */
export interface SiteCursor {
  readonly site: string;
  readonly current: DueEntry | undefined;
  /** When the current one is due; infinite behind the last. */
  readonly dueAtMs: number;
  /** How many the lease has taken. */
  taken: number;
  advance(): void;
}

/** A cursor on the first entry of a site; reads `chunk` entries at once. None are due before `fromMs`. */
export function openSiteCursor(tables: TableReader, site: string, chunk: number, fromMs = 0): SiteCursor {
  const end = behindSite(site);
  let start = dueBound(site, fromMs);
  let entries: DueEntry[] = [];
  let at = 0;
  let isAtEnd = false;

  function read(): void {
    const keys: string[] = [];
    for (const key of tables.keys(table.due, { start, end })) {
      keys.push(key);
      if (keys.length === chunk) break;
    }
    isAtEnd = keys.length < chunk;
    const last = keys.at(-1);
    if (last !== undefined) start = `${last}\u0000`;
    entries = keys.flatMap((key) => readDueKey(key) ?? []);
    at = 0;
  }

  read();
  while (entries.length === 0 && !isAtEnd) read();
  return {
    site,
    taken: 0,
    get current() {
      return entries[at];
    },
    get dueAtMs() {
      return entries[at]?.dueAtMs ?? Infinity;
    },
    advance() {
      at++;
      while (at >= entries.length && !isAtEnd) read();
    },
  };
}

/** When the first recipient of a site is due, by the index. */
export function firstDueAtMs(tables: TableReader, site: string): number | undefined {
  const cursor = openSiteCursor(tables, site, 1);
  return cursor.current?.dueAtMs;
}

/** All sites of the index with the moment of their first recipient, by one seek for each. */
export function* sitesOfIndex(tables: TableReader): Generator<{ site: string; dueAtMs: number }> {
  let start = '\u0001';
  for (;;) {
    const key = firstKey(tables, start);
    if (key === undefined) return;
    const entry = readDueKey(key);
    if (entry === undefined) {
      start = `${key}\u0000`;
      continue;
    }
    yield entry;
    start = behindSite(entry.site);
  }
}

function firstKey(tables: TableReader, start: string): string | undefined {
  for (const key of tables.keys(table.due, { start })) return key;
  return undefined;
}
