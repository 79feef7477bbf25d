/**
 * A rate limit by the generic cell rate algorithm: one number of state, no buckets to refill, and bursts of a chosen
 * size. Pure.
 */

/** So many units in so much time. */
export interface Rate {
  readonly units: number;
  readonly perMs: number;
  /** Units that may come at once after a pause; as many as `units` by default. */
  readonly burst?: number;
}

/** See the file's comment. */
export interface RateLimit {
  /** When the next unit may come; not later than `nowMs` when it may now. */
  allowedAtMs(nowMs: number): number;
  /** Counts units that come now, allowed or not: a large one makes the next wait longer. */
  take(nowMs: number, units: number): void;
}

/** A limit nothing has been taken of. */
export function createRateLimit(rate: Rate): RateLimit {
  const intervalMs = rate.perMs / rate.units;
  const toleranceMs = intervalMs * (Math.max(1, rate.burst ?? rate.units) - 1);
  // The moment at which everything taken so far would be used up at the steady rate.
  let usedUntilMs = Number.NEGATIVE_INFINITY;
  return {
    allowedAtMs: (nowMs) => Math.max(nowMs, usedUntilMs - toleranceMs),
    take(nowMs, units) {
      usedUntilMs = Math.max(usedUntilMs, nowMs) + units * intervalMs;
    },
  };
}
