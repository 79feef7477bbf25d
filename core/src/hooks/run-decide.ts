/**
 * Decide: taps are asked one after another; the first answer that is not `undefined` ends it. A tap that throws,
 * rejects or exceeds its deadline defers, unless it was made with `onError: 'skip'`. `deferIfAccepted` is remembered:
 * unless a later tap rejects, the outcome is a deferral with its reply.
 */
import { type Defer, type DeferIfAccepted, defer } from '../values/verdict.js';
import {
  type CompiledTap,
  followOwner,
  type HookServices,
  isThenable,
  reportFailure,
  withDeadline,
} from './call.js';
import { borrowController, returnController } from './spare-controllers.js';

/** What a decision is when a tap failed: 451 4.3.0. Compare with it to tell a failure from an answer. */
export const failedDecision: Defer = Object.freeze(defer(451, '3.0', 'temporary problem, try again later'));

/** Runs a decide hook; a promise only when a tap returned one. */
export function runDecide(
  taps: readonly CompiledTap[],
  timeoutMs: number,
  services: HookServices,
): (first: unknown, second?: unknown, third?: unknown) => unknown {
  return (first, second, third) => {
    const controller = borrowController();
    let remembered: DeferIfAccepted | undefined;
    for (let at = 0; at < taps.length; at++) {
      const tap = taps[at] as CompiledTap;
      let answer: unknown;
      try {
        answer = tap.call(first, second, third, controller.signal);
      } catch (error) {
        reportFailure(tap, error, services);
        if (tap.isSkippedOnError) continue;
        returnController(controller);
        return failedDecision;
      }
      if (isThenable(answer)) {
        return goOn({ taps, at, first, second, third, controller, remembered, services, timeoutMs }, answer);
      }
      services.watch?.(tap, answer);
      if (answer === undefined) continue;
      answer = attribute(answer, tap);
      if (isDeferIfAccepted(answer)) {
        remembered ??= answer;
        continue;
      }
      returnController(controller);
      return conclude(answer, remembered);
    }
    returnController(controller);
    return conclude(undefined, remembered);
  };
}

interface Run {
  readonly taps: readonly CompiledTap[];
  readonly at: number;
  readonly first: unknown;
  readonly second: unknown;
  readonly third: unknown;
  readonly controller: AbortController;
  readonly remembered: DeferIfAccepted | undefined;
  readonly services: HookServices;
  readonly timeoutMs: number;
}

/** The rest of a run from the first tap that returned a promise. */
async function goOn(run: Run, pending: PromiseLike<unknown>): Promise<unknown> {
  const { taps, services, controller } = run;
  const until = services.clock.monotonic() + run.timeoutMs;
  const stopFollowing = followOwner(controller, run.first);
  let remembered = run.remembered;
  let waiting: PromiseLike<unknown> | undefined = pending;
  try {
    for (let at = run.at; at < taps.length; at++) {
      const tap = taps[at] as CompiledTap;
      const leftMs = Math.max(0, Math.min(tap.timeoutMs, until - services.clock.monotonic()));
      let answer: unknown;
      try {
        const called: unknown = waiting ?? tap.call(run.first, run.second, run.third, controller.signal);
        waiting = undefined;
        answer = isThenable(called)
          ? await withDeadline(called, tap, leftMs, controller, services.clock)
          : called;
      } catch (error) {
        waiting = undefined;
        reportFailure(tap, error, services);
        if (tap.isSkippedOnError && !controller.signal.aborted) continue;
        if (!tap.isSkippedOnError) return failedDecision;
        // The deadline has aborted the shared signal: the taps behind it get a fresh run.
        const rest = taps.slice(at + 1);
        const outcome = await runDecide(rest, run.timeoutMs, services)(run.first, run.second, run.third);
        return conclude(outcome, remembered);
      }
      services.watch?.(tap, answer);
      if (answer === undefined) continue;
      answer = attribute(answer, tap);
      if (!isDeferIfAccepted(answer)) return conclude(answer, remembered);
      remembered ??= answer;
    }
    return conclude(undefined, remembered);
  } finally {
    stopFollowing();
    returnController(controller);
  }
}

/** A verdict other than accept, or anything that refuses, carries the name of its plugin into logs and observers. */
function attribute(answer: unknown, tap: CompiledTap): unknown {
  const verdict = (answer as { verdict?: unknown }).verdict;
  return verdict === undefined || verdict === 'accept' ? answer : { ...(answer as object), by: tap.plugin };
}

function isDeferIfAccepted(answer: unknown): answer is DeferIfAccepted {
  return (answer as { verdict?: unknown }).verdict === 'deferIfAccepted';
}

function conclude(answer: unknown, remembered: DeferIfAccepted | undefined): unknown {
  if (remembered === undefined) return answer;
  const verdict = (answer as { verdict?: unknown } | undefined)?.verdict;
  if (verdict === 'reject' || verdict === 'defer' || verdict === 'disconnect') return answer;
  return { ...remembered, verdict: 'defer' } satisfies Defer;
}
