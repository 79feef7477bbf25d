/** Clocks of nodes that a test lets sleep for ever, or wakes by hand. */
import { type Clock, systemClock } from '@postroad/core';

/** A clock whose time passes by itself, but jumps when told to; who sleeps is woken by hand. */
export function handClock() {
  let aheadMs = 0;
  let wake: (() => void) | undefined;
  let asleep: (() => void) | undefined;
  const clock: Clock = {
    ...systemClock,
    monotonic: () => systemClock.monotonic() + aheadMs,
    sleep: (_ms, signal) =>
      Promise.race([
        aborted(signal),
        new Promise<void>((resolve) => {
          wake = resolve;
          asleep?.();
        }),
      ]),
  };
  return {
    clock,
    jump(ms: number): void {
      aheadMs += ms;
    },
    /** Wakes it, and resolves when it sleeps again. */
    turn: () =>
      new Promise<void>((resolve) => {
        asleep = resolve;
        wake?.();
      }),
  };
}

/** Sleeps until it is told to stop. */
function aborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((_, reject) => {
    if (signal?.aborted === true) reject(signal.reason as Error);
    signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
