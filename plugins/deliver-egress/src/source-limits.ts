/**
 * What each source address may still send: its own rate, and while it warms up that of the day. Rates are kept by the
 * generic cell rate algorithm: one number for each address, so a restart costs a burst at the most.
 */
import type { RateOptions, SourceOptions } from './options.js';
import { shareOfRate } from './share.js';

const day = 86_400_000;
/** A day's messages are spread over it: this part of them may come at once. */
const burstsPerDay = 24;

/** See the file's comment. */
export interface SourceLimits {
  /** When the source may send its next message; not after `nowMs` when it may now. */
  allowedAtMs(source: SourceOptions, nowMs: number): number;
  /** Counts a message. */
  take(source: SourceOptions, nowMs: number): void;
}

/** Nothing sent yet. So many `workers` send from the same addresses. */
export function createSourceLimits(workers = 1): SourceLimits {
  // By address and kind of limit: when what was sent is used up at the steady rate.
  const usedUntilMs = new Map<string, number>();
  const allowed = (key: string, { count, perMs, burst = count }: RateOptions, nowMs: number): number => {
    const toleranceMs = (perMs / count) * (Math.max(1, burst) - 1);
    return Math.max(nowMs, (usedUntilMs.get(key) ?? 0) - toleranceMs);
  };
  return {
    allowedAtMs(source, nowMs) {
      let atMs = nowMs;
      for (const [key, rate] of ratesOf(source, nowMs, workers))
        atMs = Math.max(atMs, allowed(key, rate, nowMs));
      return Math.max(atMs, startOf(source));
    },
    take(source, nowMs) {
      for (const [key, rate] of ratesOf(source, nowMs, workers)) {
        usedUntilMs.set(key, Math.max(nowMs, usedUntilMs.get(key) ?? 0) + rate.perMs / rate.count);
      }
    },
  };
}

function ratesOf(
  source: SourceOptions,
  nowMs: number,
  workers: number,
): readonly (readonly [string, RateOptions])[] {
  const rates: (readonly [string, RateOptions])[] = [];
  if (source.messages !== undefined)
    rates.push([`rate ${source.address}`, shareOfRate(source.messages, workers)]);
  const perDay = warmUpOf(source, nowMs);
  if (perDay !== undefined) {
    const burst = Math.max(1, Math.ceil(perDay / burstsPerDay));
    rates.push([`warm-up ${source.address}`, shareOfRate({ count: perDay, perMs: day, burst }, workers)]);
  }
  return rates;
}

/** Messages of this day; `undefined` when the address is warm or has no schedule. */
function warmUpOf({ warmUp }: SourceOptions, nowMs: number): number | undefined {
  if (warmUp === undefined) return undefined;
  return warmUp.perDay[Math.max(0, Math.floor((nowMs - Date.parse(warmUp.since)) / day))];
}

/** An address is not used before its first day. */
function startOf({ warmUp }: SourceOptions): number {
  return warmUp === undefined ? 0 : Date.parse(warmUp.since);
}
