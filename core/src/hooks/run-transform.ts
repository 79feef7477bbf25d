/**
 * Transform: taps run one after another; each gets the value of the one before and returns a new one, or `undefined`
 * to leave it. A tap that fails defers the whole, unless it was made with `onError: 'skip'`.
 */
import {
  type CompiledTap,
  followOwner,
  type HookServices,
  isThenable,
  reportFailure,
  withDeadline,
} from './call.js';
import { failedDecision } from './run-decide.js';
import { borrowController, returnController } from './spare-controllers.js';

/** Runs a transform hook; `inputs` is how many inputs it has, the value being the last. */
export function runTransform(
  taps: readonly CompiledTap[],
  inputs: number,
  timeoutMs: number,
  services: HookServices,
): (first: unknown, second?: unknown, third?: unknown) => unknown {
  return (first, second, third) => {
    let value = inputs === 3 ? third : second;
    const controller = borrowController();
    for (let at = 0; at < taps.length; at++) {
      const tap = taps[at] as CompiledTap;
      let answer: unknown;
      try {
        answer = callWith(tap, inputs, first, second, value, controller.signal);
      } catch (error) {
        reportFailure(tap, error, services);
        if (tap.isSkippedOnError) continue;
        returnController(controller);
        return failedDecision;
      }
      if (isThenable(answer)) {
        return goOn({ taps, at, inputs, first, second, controller, services, timeoutMs }, value, answer);
      }
      value = answer ?? value;
    }
    returnController(controller);
    return value;
  };
}

interface Run {
  readonly taps: readonly CompiledTap[];
  readonly at: number;
  readonly inputs: number;
  readonly first: unknown;
  readonly second: unknown;
  readonly controller: AbortController;
  readonly services: HookServices;
  readonly timeoutMs: number;
}

async function goOn(run: Run, start: unknown, pending: PromiseLike<unknown>): Promise<unknown> {
  const { taps, services, controller } = run;
  const until = services.clock.monotonic() + run.timeoutMs;
  const stopFollowing = followOwner(controller, run.first);
  let value = start;
  let waiting: PromiseLike<unknown> | undefined = pending;
  try {
    for (let at = run.at; at < taps.length; at++) {
      const tap = taps[at] as CompiledTap;
      const leftMs = Math.max(0, Math.min(tap.timeoutMs, until - services.clock.monotonic()));
      try {
        const called = waiting ?? callWith(tap, run.inputs, run.first, run.second, value, controller.signal);
        waiting = undefined;
        const answer = isThenable(called)
          ? await withDeadline(called, tap, leftMs, controller, services.clock)
          : called;
        value = answer ?? value;
      } catch (error) {
        waiting = undefined;
        reportFailure(tap, error, services);
        if (!tap.isSkippedOnError) return failedDecision;
        if (!controller.signal.aborted) continue;
        const rest = runTransform(taps.slice(at + 1), run.inputs, run.timeoutMs, services);
        return await (run.inputs === 3 ? rest(run.first, run.second, value) : rest(run.first, value));
      }
    }
    return value;
  } finally {
    stopFollowing();
    returnController(controller);
  }
}

function callWith(
  tap: CompiledTap,
  inputs: number,
  first: unknown,
  second: unknown,
  value: unknown,
  signal: AbortSignal,
): unknown {
  return inputs === 3 ? tap.call(first, second, value, signal) : tap.call(first, value, undefined, signal);
}
