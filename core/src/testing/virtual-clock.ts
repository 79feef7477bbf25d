/** A clock that stands still until a test moves it. */
import type { Clock, Timer } from '../services/clock.js';

/** A clock for tests. Nothing in it ever waits for real time. */
export interface VirtualClock extends Clock {
  /**
   * Moves on, running the timers that become due in their order; after each, everything that it set off is given the
   * chance to go on, so that timers set meanwhile run in the same advance.
   */
  advance(ms: number): Promise<void>;
  /** Lets everything that can go on without time passing do so. */
  settle(): Promise<void>;
  /** Sets the wall time without running timers: the clock of the machine was changed. */
  jump(toMs: number): void;
  /** Timers that have not run. */
  readonly timers: number;
}

interface Pending {
  readonly atMs: number;
  readonly order: number;
  run(): void;
}

// How many promises may wait for one another.
const promiseSteps = 60;

/**
 * A clock that shows `startMs`. `settleTurns` is how many turns of the event loop work may take that was set off by one
 * timer. With none only promises are waited for, which is faster, and enough for what never leaves memory.
 */
export function createVirtualClock(startMs = 1_700_000_000_000, settleTurns = 3): VirtualClock {
  let elapsedMs = 0;
  let offsetMs = startMs;
  let order = 0;
  const pending = new Set<Pending>();

  const after = (delayMs: number, run: () => void): Timer => {
    const timer: Pending = { atMs: elapsedMs + Math.max(0, delayMs), order: order++, run };
    pending.add(timer);
    return { cancel: () => void pending.delete(timer) };
  };

  const first = (): Pending | undefined => {
    let earliest: Pending | undefined;
    for (const timer of pending) {
      if (earliest === undefined || timer.atMs < earliest.atMs) earliest = timer;
    }
    return earliest;
  };

  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < settleTurns; turn++) await new Promise((resolve) => setImmediate(resolve));
    if (settleTurns === 0) for (let step = 0; step < promiseSteps; step++) await undefined;
  };

  return {
    now: () => offsetMs + elapsedMs,
    monotonic: () => elapsedMs,
    after,
    sleep(delayMs, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted === true) {
          reject(signal.reason);
          return;
        }
        const timer = after(delayMs, () => {
          signal?.removeEventListener('abort', abort);
          resolve();
        });
        const abort = (): void => {
          timer.cancel();
          reject(signal?.reason);
        };
        signal?.addEventListener('abort', abort, { once: true });
      });
    },
    async advance(ms) {
      await settle();
      const untilMs = elapsedMs + ms;
      for (let timer = first(); timer !== undefined && timer.atMs <= untilMs; timer = first()) {
        pending.delete(timer);
        elapsedMs = Math.max(elapsedMs, timer.atMs);
        timer.run();
        await settle();
      }
      elapsedMs = untilMs;
    },
    settle,
    jump(toMs) {
      offsetMs = toMs - elapsedMs;
    },
    get timers() {
      return pending.size;
    },
  };
}
