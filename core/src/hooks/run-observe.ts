/**
 * Observe: taps are told all at once after the outcome is fixed and replied; they can change nothing. A failure is
 * logged and counted. The returned promise, when there is one, resolves when all have finished; it never rejects.
 */
import { type CompiledTap, type HookServices, isThenable, reportFailure, withDeadline } from './call.js';
import { borrowController, returnController } from './spare-controllers.js';

/** Runs an observe hook. */
export function runObserve(
  taps: readonly CompiledTap[],
  timeoutMs: number,
  services: HookServices,
): (first: unknown, second?: unknown) => unknown {
  return (first, second) => {
    let pending: Promise<unknown>[] | undefined;
    for (const tap of taps) {
      const controller = borrowController();
      try {
        const answer = tap.call(first, second, undefined, controller.signal);
        if (!isThenable(answer)) {
          returnController(controller);
          continue;
        }
        pending ??= [];
        const limitMs = Math.min(tap.timeoutMs, timeoutMs);
        pending.push(
          withDeadline(answer, tap, limitMs, controller, services.clock).then(
            () => returnController(controller),
            (error: unknown) => reportFailure(tap, error, services),
          ),
        );
      } catch (error) {
        reportFailure(tap, error, services);
      }
    }
    return pending === undefined ? undefined : Promise.all(pending).then(() => undefined);
  };
}
