/** What was changed in memory since some moment: for each table the keys with their new values. */
import { type Change, octetsOf, type TableId, table, tableCount } from '../tables/tables.js';
import { createSortedKeys, type SortedKeys } from './sorted-keys.js';

/** A key's new value. */
export interface Changed extends Pick<Change, 'value' | 'rest'> {
  /** Nothing below this layer has the key: when it is removed again, nothing of it needs to be remembered. */
  readonly isNew: boolean;
}

/** See the file's comment. */
export interface Layer {
  get(of: TableId, key: string): Changed | undefined;
  /** Sets what is known of a key; `undefined` forgets it. Returns what was known before. */
  set(of: TableId, key: string, changed: Changed | undefined): Changed | undefined;
  /** The keys of a table from `start` on, in order; of tables that are read in order only. */
  from(of: TableId, start: string): IterableIterator<string>;
  /** Everything, table by table, in the order of keys where there is one. */
  changes(): Iterable<Change>;
  /** About how much memory it takes. */
  readonly sizeBytes: number;
  readonly isEmpty: boolean;
}

/** What an entry takes beside its value, about. */
const entryBytes = 200;

/** An empty layer. */
export function createLayer(): Layer {
  const entries = Array.from({ length: tableCount }, () => new Map<string, Changed>());
  const order = new Map<TableId, SortedKeys>([
    [table.recipients, createSortedKeys()],
    [table.due, createSortedKeys()],
  ]);
  let sizeBytes = 0;
  let count = 0;

  const entriesOf = (of: TableId): Map<string, Changed> => entries[of] as Map<string, Changed>;
  const weightOf = (changed: Changed): number => entryBytes + octetsOf(changed);

  function from(of: TableId, start: string): IterableIterator<string> {
    const map = entriesOf(of);
    const keys = order.get(of);
    if (keys !== undefined) return keys.from(start, (key) => map.has(key));
    return [...map.keys()]
      .filter((key) => key >= start)
      .sort()
      [Symbol.iterator]();
  }

  return {
    get: (of, key) => entriesOf(of).get(key),
    set(of, key, changed) {
      const map = entriesOf(of);
      const before = map.get(key);
      if (before !== undefined) {
        sizeBytes -= weightOf(before);
        count--;
      }
      if (changed === undefined) map.delete(key);
      else {
        map.set(key, changed);
        sizeBytes += weightOf(changed);
        count++;
        if (before === undefined) order.get(of)?.add(key);
      }
      return before;
    },
    from,
    *changes() {
      for (const of of Object.values(table)) {
        const map = entriesOf(of);
        for (const key of from(of, '')) {
          const changed = map.get(key);
          if (changed !== undefined) yield { table: of, key, value: changed.value, rest: changed.rest };
        }
      }
    },
    get sizeBytes() {
      return sizeBytes;
    },
    get isEmpty() {
      return count === 0;
    },
  };
}
