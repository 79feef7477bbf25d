/**
 * Notices a queue that goes round in circles. A scheduler that asks its store or sets its timers again and again without
 * getting anywhere would keep the process from ever coming back: no limit of a test can end that. Here every timer, every call
 * of the store and every decision is a step; too many at one moment, or in all, are a broken promise, and after it
 * nothing that was asked for is answered any more, so that the circle stands still.
 */
import type { Clock } from '../../services/clock.js';
import type { QueueStore } from '../../services/queue-store.js';
import { BrokenPromise } from './ledger.js';

/** What bounds a run. Both are far above what a run of the simulation takes. */
export interface StepLimits {
  /** Steps without any time passing. */
  readonly atOnceMax: number;
  /** Steps of the whole run. */
  readonly allMax: number;
}

/** See the file's comment. */
export interface StepLimit {
  /** Takes a step; `false` when it must not be taken. */
  step(): boolean;
  /** Lets everything that waits for no timer come to its end: promises that go round do so until the limit. */
  drain(): Promise<void>;
  /** The store, every call of it a step. */
  watch(store: QueueStore): QueueStore;
  /** Most steps that were taken at one moment, and all of them. */
  readonly counts: { readonly atOnce: number; readonly all: number };
}

/** The limits of a run; of 300 seeds none took more than 60 steps at a moment, and 6,300 in all. */
export const stepLimits: StepLimits = { atOnceMax: 5_000, allMax: 50_000 };

/** Counts; `broken` is told once. */
export function createStepLimit(
  clock: Pick<Clock, 'now'>,
  broken: (error: BrokenPromise) => void,
  { atOnceMax, allMax }: StepLimits = stepLimits,
): StepLimit {
  let atMs = clock.now();
  let atOnce = 0;
  const counts = { atOnce: 0, all: 0 };
  let isOver = false;

  function step(): boolean {
    if (isOver) return false;
    const nowMs = clock.now();
    if (nowMs !== atMs) atOnce = 0;
    atMs = nowMs;
    counts.all++;
    counts.atOnce = Math.max(counts.atOnce, ++atOnce);
    if (atOnce <= atOnceMax && counts.all <= allMax) return true;
    isOver = true;
    const what = atOnce > atOnceMax ? `${atOnce} steps and no time passed` : `${counts.all} steps`;
    broken(new BrokenPromise(`the queue goes round in circles: ${what}`));
    return false;
  }

  return {
    step,
    counts,
    drain: () => new Promise((resolve) => setImmediate(resolve)),
    watch: (store) =>
      new Proxy(store, {
        get(of, key) {
          const own: unknown = Reflect.get(of, key);
          if (typeof own !== 'function') return own;
          return (...args: unknown[]) => (step() ? own.apply(of, args) : new Promise(() => {}));
        },
      }),
  };
}
