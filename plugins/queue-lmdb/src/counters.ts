/** How many messages and recipients there are: kept with every commit, so that nobody has to count. */
import type { RecipientState } from '@postroad/core';
import { type Change, type TableReader, table } from './tables/tables.js';

/** Changed with what they count. */
export type Counters = Record<'messages' | RecipientState, number>;

const key = 'counters';
const names = ['messages', 'ready', 'waiting', 'leased', 'held'] as const;

/** Counters of nothing. */
export function noCounters(): Counters {
  return { messages: 0, ready: 0, waiting: 0, leased: 0, held: 0 };
}

/** Reads the counters of the tables. */
export function readCounters(tables: TableReader, counters: Counters): void {
  const record = tables.get(table.facts, key);
  if (record !== undefined) Object.assign(counters, JSON.parse(record.toString()) as Counters);
}

/** As a change of the tables. */
export function countersChange(counters: Counters): Change {
  return { table: table.facts, key, value: Buffer.from(JSON.stringify(counters)) };
}

/** As numbers in a fixed order, for the journal. */
export function counterList(counters: Counters): readonly number[] {
  return names.map((name) => counters[name]);
}

/** Sets them from such numbers. */
export function setCounters(counters: Counters, list: readonly number[]): void {
  names.forEach((name, at) => {
    counters[name] = list[at] ?? 0;
  });
}
