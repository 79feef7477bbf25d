/** Walks over the recipients of one site in the due index. */
import type { Environment } from './environment.js';
import { behindSite, type DueEntry, dueBound, readDueKey } from './keys.js';

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

/** A cursor on the first entry of a site; reads `chunk` entries at once. */
export function openSiteCursor(environment: Environment, site: string, chunk: number): SiteCursor {
  const end = behindSite(site);
  let start: Buffer = dueBound(site, 0);
  let entries: DueEntry[] = [];
  let at = 0;
  let isAtEnd = false;

  function read(): void {
    const keys = [...environment.due.getKeys({ start, end, limit: chunk })];
    isAtEnd = keys.length < chunk;
    const last = keys.at(-1);
    if (last !== undefined) start = Buffer.concat([last, zero]);
    entries = keys.flatMap((key) => readDueKey(key) ?? []);
    at = 0;
  }

  read();
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

const zero = Buffer.from([0]);

/** When the first recipient of a site is due, by the index. */
export function firstDueAtMs(environment: Environment, site: string): number | undefined {
  const cursor = openSiteCursor(environment, site, 1);
  return cursor.current?.dueAtMs;
}

/** All sites of the index with the moment of their first recipient, by one seek for each. */
export function* sitesOfIndex(environment: Environment): Generator<{ site: string; dueAtMs: number }> {
  let start: Buffer = Buffer.from([1]);
  for (;;) {
    const [key] = [...environment.due.getKeys({ start, limit: 1 })];
    if (key === undefined) return;
    const entry = readDueKey(key);
    if (entry === undefined) {
      start = Buffer.concat([key, zero]);
      continue;
    }
    yield entry;
    start = behindSite(entry.site);
  }
}
