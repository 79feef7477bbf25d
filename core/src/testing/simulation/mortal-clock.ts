/** A clock whose timers do not outlive their process, each of them a step of the run. */
import type { Clock } from '../../services/clock.js';
import type { StepLimit } from './step-limit.js';

/** See the file's comment. */
export function mortalClock(clock: Clock, steps: StepLimit, isAlive: () => boolean): Clock {
  const goesOn = (): boolean => isAlive() && steps.step();
  return {
    ...clock,
    after: (delayMs, run) =>
      clock.after(delayMs, () => {
        if (goesOn()) run();
      }),
    sleep: (delayMs, signal) =>
      clock.sleep(delayMs, signal).then(() => (goesOn() ? undefined : new Promise<void>(() => {}))),
  };
}
