/** Numbers and words that are remembered for a while and shared: rate limits, greylists, bans, reputations. */
import { token } from '../di/token.js';
import type { MaybePromise } from '../hooks/kinds.js';

/** So many units in so much time, with bursts (the generic cell rate algorithm). */
export interface CounterRate {
  readonly units: number;
  readonly perMs: number;
  /** Units that may come at once after a pause; `units` by default. */
  readonly burst?: number;
}

/** What a limit says. */
export interface RateAnswer {
  readonly isAllowed: boolean;
  /** How long until the same may come; 0 when it was allowed. */
  readonly retryAfterMs: number;
}

/** A remembered value. */
export interface CounterEntry {
  readonly key: string;
  readonly value: string;
  /** When it is forgotten, in milliseconds since 1970. */
  readonly expiresAtMs: number;
}

/**
 * Shared memory with an end to everything in it. The core's own is in process and bounded: the least recently used goes
 * first, and a restart forgets all; plugins share it between workers and machines, or keep it. A key begins with the
 * plugin's name, such as `check-rate:192.0.2.1`, and is at most 512 octets. Calls may answer at once or with a promise;
 * each is atomic. A failure rejects with `E_COUNTERS`: the caller knows whether that means yes or no.
 */
export interface Counters {
  /** Takes units of a rate. What is not allowed is not counted. */
  take(key: string, rate: CounterRate, units?: number): MaybePromise<RateAnswer>;
  /** Adds to a number, which begins at 0 and is forgotten `ttlMs` after the last change; the new number. */
  add(key: string, amount: number, ttlMs: number): MaybePromise<number>;
  /** The value or number, as text. */
  get(key: string): MaybePromise<string | undefined>;
  /** Remembers up to 4,096 octets of text. */
  set(key: string, value: string, ttlMs: number): MaybePromise<void>;
  /** Remembers unless there is something; the value that now stands there. */
  setIfAbsent(key: string, value: string, ttlMs: number): MaybePromise<string>;
  /** Whether there was something. */
  delete(key: string): MaybePromise<boolean>;
  /** What is remembered under keys that begin so, in no order. For commands and clean-up, not for the path of a message. */
  entries(prefix: string): AsyncIterable<CounterEntry>;
}

/** The token of the counters. */
export const Counters = token<Counters>('core.counters');
