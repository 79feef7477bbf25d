/** Refusals that take equally long: who is known must not be told by the time of the answer. */
import type { Clock } from '../services/clock.js';

/** Knows how long each kind of check takes. */
export interface EqualTimes {
  /** Notes how long a check of this kind took. */
  note(kind: string, ms: number): void;
  /** Waits as long as the slowest kind takes beyond `spentMs`; not at all while there is one kind only. */
  level(spentMs: number, signal?: AbortSignal): Promise<void>;
}

/** Averages are smoothed, so that a busy moment does not slow all that follow. */
const weightOfNew = 0.2;

/** Makes one for the checks of one directory. */
export function createEqualTimes(clock: Clock): EqualTimes {
  const averages = new Map<string, number>();
  return {
    note(kind, ms) {
      const known = averages.get(kind) ?? ms;
      averages.set(kind, known * (1 - weightOfNew) + ms * weightOfNew);
    },
    async level(spentMs, signal) {
      if (averages.size < 2) return;
      const waitMs = Math.max(...averages.values()) - spentMs;
      if (waitMs > 1) await clock.sleep(waitMs, signal);
    },
  };
}
