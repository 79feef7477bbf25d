/** Time as a service, so that tests move it. */
import { token } from '../di/token.js';

/** A timer that can be cancelled. */
export interface Timer {
  cancel(): void;
}

/** Wall time, monotonic time and timers. Use it instead of `Date.now` and `setTimeout`. */
export interface Clock {
  /** Milliseconds since 1970; may jump. For schedules and timestamps, never for identity or durations. */
  now(): number;
  /** Milliseconds since some moment; never goes back. For deadlines and durations. */
  monotonic(): number;
  /** Calls `run` once after `delayMs`. The timer does not keep the process alive. */
  after(delayMs: number, run: () => void): Timer;
  /** Resolves after `delayMs`; rejects with the signal's reason when it aborts first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

/** The token of the clock. */
export const Clock = token<Clock>('core.clock');
