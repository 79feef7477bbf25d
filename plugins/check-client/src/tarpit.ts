/** Makes clients that err wait for their answers, and never more of them at once than a bound. */
import type { Clock } from '@postroad/core';
import type { CheckClientConfig } from './options.js';

/** A tarpit. */
export interface Tarpit {
  /** Waits as long as so many errors deserve; at once when that is not at all. Ends early when the client goes. */
  wait(errors: number, signal: AbortSignal): Promise<void> | undefined;
}

/** An empty tarpit. */
export function createTarpit(config: CheckClientConfig, clock: Clock): Tarpit {
  let waiting = 0;
  return {
    wait(errors, signal) {
      const { tarpitAfter, tarpitStepMs, tarpitMsMax, tarpitsMax } = config;
      if (tarpitAfter === 0 || errors < tarpitAfter || waiting >= tarpitsMax) return undefined;
      const delayMs = Math.min(tarpitMsMax, (errors - tarpitAfter + 1) * tarpitStepMs);
      waiting++;
      return clock
        .sleep(delayMs, signal)
        .catch(() => undefined) // The client is gone: nobody waits any more.
        .finally(() => {
          waiting--;
        });
    },
  };
}
