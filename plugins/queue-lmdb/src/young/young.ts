/**
 * What is young: changes that the journal has made durable and that the tables do not have yet. It lies over the tables, and
 * whoever reads through it sees both as one. Two layers: the upper one takes changes; the lower one, while there is one, is
 * being moved to the tables and does not change any more.
 */
import {
  type Change,
  type Entry,
  type KeyRange,
  type TableId,
  type TableReader,
  wholeValue,
} from '../tables/tables.js';
import { type Changed, createLayer, type Layer } from './layer.js';
import { inOrder } from './merged-keys.js';

/** See the file's comment. */
export interface Young extends TableReader {
  /**
   * Applies a change to the upper layer; returns how to take it back, which must happen in reverse order and before
   * anything is lowered. `isNew` promises that the key is nowhere yet.
   */
  apply(change: Change, isNew: boolean): () => void;
  /** Makes the upper layer the lower one. There must be none. */
  lower(): void;
  /** The layer that is to be moved to the tables. */
  readonly lowered: Layer | undefined;
  /** The lower layer is in the tables: forgets it. */
  forgetLowered(): void;
  /** Of the upper layer. */
  readonly sizeBytes: number;
  readonly isEmpty: boolean;
}

/** Nothing young over the tables. */
export function createYoung(tables: TableReader): Young {
  let upper = createLayer();
  let lowered: Layer | undefined;

  const find = (of: TableId, key: string): Changed | undefined => upper.get(of, key) ?? lowered?.get(of, key);

  function* keys(of: TableId, { start, end }: KeyRange): Generator<string> {
    const sources: Iterator<string>[] = [upper.from(of, start)];
    if (lowered !== undefined) sources.push(lowered.from(of, start));
    sources.push(tables.keys(of, end === undefined ? { start } : { start, end })[Symbol.iterator]());
    for (const key of inOrder(sources)) {
      if (end !== undefined && key >= end) return;
      const changed = find(of, key);
      if (changed === undefined || changed.value !== undefined) yield key;
    }
  }

  function get(of: TableId, key: string): Buffer | undefined {
    const changed = find(of, key);
    return changed === undefined ? tables.get(of, key) : wholeValue(changed);
  }

  return {
    get,
    has(of, key) {
      const changed = find(of, key);
      return changed === undefined ? tables.has(of, key) : changed.value !== undefined;
    },
    keys,
    *range(of, range) {
      for (const key of keys(of, range)) {
        const value = get(of, key);
        if (value !== undefined) yield { key, value } satisfies Entry;
      }
    },
    apply({ table: of, key, value, rest }, isNew) {
      const layer = upper;
      const known = layer.get(of, key);
      const isNowhereBelow = known === undefined ? isNew : known.isNew;
      const isForgotten = value === undefined && isNowhereBelow;
      const before = layer.set(of, key, isForgotten ? undefined : { value, rest, isNew: isNowhereBelow });
      return () => void layer.set(of, key, before);
    },
    lower() {
      lowered = upper;
      upper = createLayer();
    },
    get lowered() {
      return lowered;
    },
    forgetLowered() {
      lowered = undefined;
    },
    get sizeBytes() {
      return upper.sizeBytes;
    },
    get isEmpty() {
      return upper.isEmpty;
    },
  };
}
