/** The tables in memory, for tests. */
import {
  type Change,
  type KeyRange,
  type TableId,
  type TableReader,
  tableCount,
  wholeValue,
} from '../src/tables/tables.js';

/** The tables. */
export interface MemoryTables extends TableReader {
  apply(changes: readonly Change[]): void;
}

/** Empty tables. */
export function createMemoryTables(): MemoryTables {
  const entries = Array.from({ length: tableCount }, () => new Map<string, Buffer>());
  const of = (id: TableId): Map<string, Buffer> => entries[id] as Map<string, Buffer>;
  const keysOf = (id: TableId, { start, end }: KeyRange): string[] =>
    [...of(id).keys()].filter((key) => key >= start && (end === undefined || key < end)).sort();
  return {
    get: (id, key) => of(id).get(key),
    has: (id, key) => of(id).has(key),
    keys: keysOf,
    range: (id, range) => keysOf(id, range).map((key) => ({ key, value: of(id).get(key) as Buffer })),
    apply(changes) {
      for (const change of changes) {
        const value = wholeValue(change);
        if (value === undefined) of(change.table).delete(change.key);
        else of(change.table).set(change.key, value);
      }
    },
  };
}
