/**
 * Gather: taps are asked all at once under one deadline; the results stand in tap order. A tap that fails leaves a
 * finding with its `error`: policy decides what that means.
 */
import { messageOf } from '../errors.js';
import type { Finding } from '../values/finding.js';
import {
  type CompiledTap,
  followOwner,
  type HookServices,
  isThenable,
  reportFailure,
  withDeadline,
} from './call.js';
import { borrowController, returnController } from './spare-controllers.js';

/** Runs a gather hook. */
export function runGather(
  taps: readonly CompiledTap[],
  timeoutMs: number,
  services: HookServices,
): (first: unknown, second?: unknown) => unknown {
  return (first, second) => {
    const controllers: AbortController[] = [];
    const pending = taps.map((tap) => {
      // Each tap has a signal of its own: one that is late must not end the others.
      const controller = borrowController();
      const answer = callTap(tap, first, second, controller, services);
      if (!isThenable(answer)) {
        returnController(controller);
        return answer;
      }
      controllers.push(controller);
      return withDeadline(answer, tap, Math.min(tap.timeoutMs, timeoutMs), controller, services.clock).catch(
        (error: unknown) => failedFinding(tap, error, services),
      );
    });
    if (controllers.length === 0) return flatten(pending, taps, services);
    const stops = controllers.map((controller) => followOwner(controller, first));
    return Promise.all(pending).then((answers) => {
      for (const stop of stops) stop();
      for (const controller of controllers) returnController(controller);
      return flatten(answers, taps, services);
    });
  };
}

function callTap(
  tap: CompiledTap,
  first: unknown,
  second: unknown,
  controller: AbortController,
  services: HookServices,
) {
  try {
    return tap.call(first, second, undefined, controller.signal);
  } catch (error) {
    return failedFinding(tap, error, services);
  }
}

function failedFinding(tap: CompiledTap, error: unknown, services: HookServices): Finding | undefined {
  reportFailure(tap, error, services);
  return tap.isSkippedOnError ? undefined : { source: tap.plugin, error: messageOf(error) };
}

function flatten(
  answers: readonly unknown[],
  taps: readonly CompiledTap[],
  services: HookServices,
): readonly unknown[] {
  const { watch } = services;
  if (watch !== undefined) answers.forEach((answer, at) => void watch(taps[at] as CompiledTap, answer));
  return answers.flat().filter((answer) => answer !== undefined);
}
