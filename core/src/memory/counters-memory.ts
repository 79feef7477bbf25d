/** The counters of one process: bounded, and forgotten at its end. */
import { boundedCache } from '../cache.js';
import type { Clock } from '../services/clock.js';
import type { CounterEntry, Counters } from '../services/counters.js';

/** What they are made of. */
export interface MemoryCountersOptions {
  readonly clock: Clock;
  /** Most keys remembered; the least recently used goes first. */
  readonly entriesMax?: number;
}

interface Remembered {
  readonly value: string;
  readonly expiresAtMs: number;
}

const entriesMaxDefault = 200_000;

/** Counters in memory. They answer at once, never with a promise. */
export function createMemoryCounters(options: MemoryCountersOptions): Counters {
  const { clock, entriesMax = entriesMaxDefault } = options;
  const values = boundedCache<string, Remembered>({ entriesMax, clock });
  // For each rate the moment at which all that was taken is used up at the steady pace.
  const rates = boundedCache<string, number>({ entriesMax, clock });
  const remember = (key: string, value: string, ttlMs: number) =>
    values.set(key, { value, expiresAtMs: clock.now() + ttlMs }, ttlMs);
  return {
    take(key, rate, units = 1) {
      const now = clock.monotonic();
      const intervalMs = rate.perMs / rate.units;
      const toleranceMs = intervalMs * Math.max(1, rate.burst ?? rate.units);
      const usedUntilMs = Math.max(now, rates.get(key) ?? now) + units * intervalMs;
      const retryAfterMs = usedUntilMs - toleranceMs - now;
      // A hair of rounding must not refuse the last of a burst.
      if (retryAfterMs > 1e-6) return { isAllowed: false, retryAfterMs: Math.ceil(retryAfterMs) };
      rates.set(key, usedUntilMs, usedUntilMs - now);
      return { isAllowed: true, retryAfterMs: 0 };
    },
    add(key, amount, ttlMs) {
      const sum = Number(values.get(key)?.value ?? 0) + amount;
      remember(key, String(sum), ttlMs);
      return sum;
    },
    get: (key) => values.get(key)?.value,
    set: remember,
    setIfAbsent(key, value, ttlMs) {
      const known = values.get(key);
      if (known !== undefined) return known.value;
      remember(key, value, ttlMs);
      return value;
    },
    delete(key) {
      const isKnown = values.get(key) !== undefined;
      values.delete(key);
      return isKnown;
    },
    async *entries(prefix): AsyncGenerator<CounterEntry> {
      for (const key of [...values.keys()]) {
        const entry = key.startsWith(prefix) ? values.get(key) : undefined;
        if (entry !== undefined) yield { key, ...entry };
      }
    },
  };
}
