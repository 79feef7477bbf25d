/** The one place where something is remembered for a while: every cache has a bound and a clock. */
import { LRUCache } from 'lru-cache';
import type { Clock } from './services/clock.js';

/** Remembers up to a number of entries; the least recently used one goes first. */
export interface BoundedCache<K, V> {
  /** The value, unless it was never set, has aged out or had to go. */
  get(key: K): V | undefined;
  /** Remembers for `ttlMs` of the clock's monotonic time; without it until there is no room. */
  set(key: K, value: V, ttlMs?: number): void;
  delete(key: K): void;
  clear(): void;
  /** The keys of what is remembered; what has aged out may be among them. */
  keys(): Iterable<K>;
  readonly size: number;
}

/** What a cache is made of. */
export interface BoundedCacheOptions {
  readonly entriesMax: number;
  readonly clock: Pick<Clock, 'monotonic'>;
}

interface Entry<V> {
  readonly value: V;
  readonly untilMs: number;
}

/** A cache in memory. Nothing runs in the background: an entry that is too old goes when it is asked for. */
export function boundedCache<K extends {}, V>(options: BoundedCacheOptions): BoundedCache<K, V> {
  // By `max` it would take the memory for all entries at once, which costs each start of a server a tenth of a second.
  const entries = new LRUCache<K, Entry<V>>({ maxSize: options.entriesMax, sizeCalculation: one });
  return {
    get(key) {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      if (entry.untilMs > options.clock.monotonic()) return entry.value;
      entries.delete(key);
      return undefined;
    },
    set(key, value, ttlMs = Number.POSITIVE_INFINITY) {
      entries.set(key, { value, untilMs: options.clock.monotonic() + ttlMs });
    },
    delete(key) {
      entries.delete(key);
    },
    clear() {
      entries.clear();
    },
    keys() {
      return entries.keys();
    },
    get size() {
      return entries.size;
    },
  };
}

function one(): number {
  return 1;
}
