/** The real clock: the one place of the core that reads the time and sets timers. */
import type { Clock, Timer } from './clock.js';

/** The longest delay that Node's timers take; a longer one would fire at once. */
const timerDelayMsMax = 2_147_483_647;

/** The machine's clock: what a server uses by default, and what commands that run without a server use. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, run): Timer {
    const timer = setTimeout(run, Math.min(Math.max(0, delayMs), timerDelayMsMax));
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
  sleep(delayMs, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason);
        return;
      }
      const onAbort = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(
        () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
        Math.min(Math.max(0, delayMs), timerDelayMsMax),
      );
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  },
};
