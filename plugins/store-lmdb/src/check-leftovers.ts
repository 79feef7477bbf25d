/** What grows with time and belongs to nobody any more: threads without messages, texts of messages that are gone. */
import type { Change } from './change.js';
import { decodeEntry } from './entry-codec.js';
import { parseId } from './records.js';
import { pair, type Tables } from './tables.js';
import { segmentSize } from './text-index.js';

/** Something to clear away. */
export interface Leftover {
  readonly what: string;
  readonly where: string;
  readonly fix: (change: Change) => void;
}

/** Rows removed in one repair: the event loop is held meanwhile. */
const rowsMax = 100_000;

/** Finds what is left over. It does no harm; clearing it away gives its room back. */
export function findLeftovers(tables: Tables, messages: ReadonlyMap<number, unknown>): readonly Leftover[] {
  return [...oldThreads(tables), ...oldTexts(tables, messages)];
}

function oldThreads(tables: Tables): readonly Leftover[] {
  const used = new Set<number>();
  for (const { key, value } of tables.entries.getRange({ start: pair(0, 0) })) {
    used.add(parseId('T', decodeEntry(key[1] as number, value).threadId) ?? 0);
  }
  const rows: [number, string][] = [];
  for (const { key, value } of tables.threads.getRange({})) {
    if (!used.has(value) && rows.length < rowsMax) rows.push(key);
  }
  if (rows.length === 0) return [];
  const fix = (change: Change) => {
    for (const key of rows) change.write(() => void tables.threads.remove(key));
  };
  return [{ what: `${rows.length} Message-IDs of threads without messages`, where: 'threads', fix }];
}

function oldTexts(tables: Tables, messages: ReadonlyMap<number, unknown>): readonly Leftover[] {
  const used = new Set<number>();
  for (const number of messages.keys()) used.add(Math.floor(number / segmentSize));
  const rows: (readonly [number, number])[] = [];
  for (const [segment, bucket] of tables.texts.getKeys({ start: pair(0, 0) })) {
    if (!used.has(segment as number) && rows.length < rowsMax)
      rows.push([segment as number, bucket as number]);
  }
  if (rows.length === 0) return [];
  const fix = (change: Change) => {
    for (const [segment, bucket] of rows) change.write(() => void tables.texts.remove(pair(segment, bucket)));
  };
  return [{ what: `${rows.length} rows of texts of messages that are gone`, where: 'texts', fix }];
}
