/** A node of the simulation: what is wrong with it, and the time as it sees it. */
import type { Clock } from '../../services/clock.js';
import type { QueueStore } from '../../services/queue-store.js';
import type { Scheduler } from '../../stages/queue/scheduler.js';

/** A place for a process; several follow one another. */
export interface SimulatedNode {
  readonly name: string;
  runs: number;
  scheduler: Scheduler | undefined;
  store: QueueStore | undefined;
  skewMs: number;
  isAlive: boolean;
  isPaused: boolean;
  /** Whether it is to stand still as soon as it begins a try. */
  isToPause: boolean;
  isCut: boolean;
  /** What is to go on when it does not stand still any more. */
  readonly held: (() => void)[];
}

/** Time as the node sees it: shifted, and standing still with it. */
export function nodeClock(clock: Clock, node: SimulatedNode, isAlive: () => boolean): Clock {
  const gate = (run: () => void): void => {
    if (!isAlive()) return;
    if (node.isPaused) node.held.push(() => gate(run));
    else run();
  };
  const after: Clock['after'] = (delayMs, run) => clock.after(delayMs, () => gate(run));
  return {
    now: () => clock.now() + node.skewMs,
    monotonic: () => clock.monotonic(),
    after,
    sleep: (delayMs, signal) =>
      new Promise((resolve, reject) => {
        const timer = after(delayMs, resolve);
        const abort = (): void => {
          timer.cancel();
          reject(signal?.reason as Error);
        };
        if (signal?.aborted === true) abort();
        else signal?.addEventListener('abort', abort, { once: true });
      }),
  };
}
