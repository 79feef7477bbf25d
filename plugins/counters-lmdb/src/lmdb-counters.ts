/**
 * Counters in one LMDB file, which the workers of a machine may share. A call that changes something is one transaction;
 * those of the same moment are one commit. A commit that a power cut undoes is the last one, and the file stays whole.
 * - `values`: key → when it ends, and the text; rates stand among them, as the moment at which they are used up;
 * - `ends`: when a key ends, in whole minutes, and the key: what is over is found there, and what ends soonest.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, type CounterEntry, type Counters, MailError } from '@postroad/core';
import { type Database, open, type RootDatabase } from 'lmdb';

/** How to open them. */
export interface LmdbCountersOptions {
  readonly directory: string;
  readonly clock: Clock;
  /** Most keys kept; those that end soonest go first. */
  readonly entriesMax: number;
}

/** Open counters; whoever opened them closes them. */
export interface OpenLmdbCounters {
  readonly counters: Counters;
  /** How many keys are kept, those that are over and not yet taken out included. */
  size(): number;
  close(): Promise<void>;
}

interface Tables {
  readonly root: RootDatabase<Buffer, string>;
  readonly values: Database<Buffer, string>;
  readonly ends: Database<Buffer, string>;
}

/** Changes after which a process looks for what is over. */
const changesPerSweep = 256;
/** Keys that one sweep takes out at most: more than were added since the last one. */
const sweepMax = 1_024;
const endOctets = 8;
const minuteMs = 60_000;
const pageEntries = 500;
const nothing = Buffer.alloc(0);

/** Opens or makes the counters; rejects with `E_COUNTERS`. */
export async function openLmdbCounters(options: LmdbCountersOptions): Promise<OpenLmdbCounters> {
  const { directory } = options;
  let tables: Tables;
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const root = open<Buffer, string>({
      path: join(directory, 'counters.mdb'),
      noSubdir: true,
      maxDbs: 2,
      encoding: 'binary',
      overlappingSync: false,
      // Half the syncs; what a power cut may undo is the last commit.
      noMetaSync: true,
    });
    const named = (name: string) => root.openDB({ name, encoding: 'binary', cache: false });
    tables = { root, values: named('values'), ends: named('ends') };
  } catch (cause) {
    throw new MailError('E_COUNTERS', `the counters in ${directory} can't be opened`, { cause });
  }
  return {
    counters: countersOf(tables, options),
    size: () => sizeOf(tables.values),
    close: () => tables.root.close(),
  };
}

function countersOf(tables: Tables, { clock, entriesMax }: LmdbCountersOptions): Counters {
  const { values } = tables;
  let changes = 0;
  async function change<T>(work: (nowMs: number) => T): Promise<T> {
    try {
      return await tables.root.transaction(() => {
        const nowMs = clock.now();
        const answer = work(nowMs);
        changes = (changes + 1) % changesPerSweep;
        if (changes === 0) sweep(tables, nowMs, entriesMax);
        return answer;
      });
    } catch (cause) {
      throw new MailError('E_COUNTERS', 'the counters could not be changed', { cause });
    }
  }
  const read = (key: string, nowMs: number) => textOf(values.get(valueKey(key)), nowMs);
  return {
    take: (key, rate, units = 1) =>
      change((nowMs) => {
        const intervalMs = rate.perMs / rate.units;
        const toleranceMs = intervalMs * Math.max(1, rate.burst ?? rate.units);
        const known = Number(textOf(values.get(rateKey(key)), nowMs) ?? nowMs);
        // The clock may have been set back: no more than a full burst can be in use.
        const usedMs = Math.min(Math.max(nowMs, known), nowMs + toleranceMs) + units * intervalMs;
        const retryAfterMs = usedMs - toleranceMs - nowMs;
        // Milliseconds since 1970 leave a double about a quarter of a thousandth.
        if (retryAfterMs > 0.01) return { isAllowed: false, retryAfterMs: Math.ceil(retryAfterMs) };
        put(tables, rateKey(key), String(usedMs), usedMs);
        return { isAllowed: true, retryAfterMs: 0 };
      }),
    add: (key, amount, ttlMs) =>
      change((nowMs) => {
        const sum = Number(read(key, nowMs) ?? 0) + amount;
        put(tables, valueKey(key), String(sum), nowMs + ttlMs);
        return sum;
      }),
    get: (key) => read(key, clock.now()),
    set: (key, value, ttlMs) => change((nowMs) => put(tables, valueKey(key), value, nowMs + ttlMs)),
    async setIfAbsent(key, value, ttlMs) {
      // Most of what is asked for is known, and needs no transaction.
      const seen = read(key, clock.now());
      if (seen !== undefined) return seen;
      return await change((nowMs) => {
        const known = read(key, nowMs);
        if (known === undefined) put(tables, valueKey(key), value, nowMs + ttlMs);
        return known ?? value;
      });
    },
    delete: (key) =>
      change((nowMs) => {
        const isKnown = read(key, nowMs) !== undefined;
        remove(tables, valueKey(key));
        return isKnown;
      }),
    entries: (prefix) => entriesOf(values, prefix, clock),
  };
}

/** A page at a time, so that a reader that stops for long holds no snapshot of the file. */
async function* entriesOf(
  values: Database<Buffer, string>,
  prefix: string,
  clock: Clock,
): AsyncGenerator<CounterEntry> {
  const first = valueKey(prefix);
  let start = first;
  for (let isMore = true; isMore; ) {
    const page = [...values.getRange({ start, limit: pageEntries })];
    isMore = page.length === pageEntries;
    for (const { key, value } of page) {
      if (!key.startsWith(first)) return;
      start = `${key}\u0000`;
      const text = textOf(value, clock.now());
      if (text !== undefined)
        yield { key: key.slice(valueKey('').length), value: text, expiresAtMs: value.readDoubleLE(0) };
    }
  }
}

/** Within a transaction: takes out what is over; and what ends soonest, while there is too much. */
function sweep({ values, ends }: Tables, nowMs: number, entriesMax: number): void {
  let over = sizeOf(values) - entriesMax;
  const now = minuteOf(nowMs);
  for (const end of [...ends.getKeys({ limit: sweepMax })]) {
    if (over <= 0 && end.slice(0, now.length) >= now) return;
    ends.removeSync(end);
    values.removeSync(end.slice(now.length));
    over--;
  }
}

function put(tables: Tables, key: string, text: string, endMs: number): void {
  const { values, ends } = tables;
  const known = values.get(key);
  const end = minuteOf(endMs);
  const before = known === undefined ? undefined : minuteOf(known.readDoubleLE(0));
  if (before !== end) {
    if (before !== undefined) ends.removeSync(before + key);
    ends.putSync(end + key, nothing);
  }
  const value = Buffer.allocUnsafe(endOctets + Buffer.byteLength(text));
  value.writeDoubleLE(endMs, 0);
  value.write(text, endOctets);
  values.putSync(key, value);
}

function remove({ values, ends }: Tables, key: string): void {
  const known = values.get(key);
  if (known === undefined) return;
  ends.removeSync(minuteOf(known.readDoubleLE(0)) + key);
  values.removeSync(key);
}

function textOf(value: Buffer | undefined, nowMs: number): string | undefined {
  if (value === undefined || value.readDoubleLE(0) <= nowMs) return undefined;
  return value.toString('utf8', endOctets);
}

function sizeOf(table: Database<Buffer, string>): number {
  return (table.getStats() as { readonly entryCount: number }).entryCount;
}

/** In whole minutes, so that what is touched all the time does not move all the time; of a length that sorts. */
function minuteOf(ms: number): string {
  return Math.ceil(Math.min(ms, Number.MAX_SAFE_INTEGER) / minuteMs)
    .toString(36)
    .padStart(9, '0');
}

function valueKey(key: string): string {
  return `v:${key}`;
}

function rateKey(key: string): string {
  return `r:${key}`;
}
