/** Turns taps into one runner per hook. A hook nobody taps is `null`: its caller pays one comparison. */

import type { Defer } from '../values/verdict.js';
import type { CompiledTap, HookServices } from './call.js';
import type { MaybePromise } from './kinds.js';
import { orderTaps, type Tap } from './order.js';
import { runDecide } from './run-decide.js';
import { runGather } from './run-gather.js';
import { runObserve } from './run-observe.js';
import { runTransform } from './run-transform.js';
import { type HookName, type HookOutcome, type HookTable, hookNames, hookTable } from './table.js';

/**
 * Runs one hook. Decide and transform give `failedDecision` when a tap failed. A promise comes back only when a tap
 * returned one; it never rejects.
 */
export type HookRunner<N extends HookName> = (
  ...input: HookTable[N]['input']
) => MaybePromise<
  HookTable[N]['kind'] extends 'decide' | 'transform' ? HookOutcome<N> | Defer : HookOutcome<N>
>;

/** All hooks of one scope. */
export type CompiledHooks = { readonly [N in HookName]: HookRunner<N> | null };

/** The taps of each hook in the order in which they run. */
export type OrderedTaps = ReadonlyMap<HookName, readonly Tap[]>;

/** Sorts the taps of every hook; throws `E_TAP_ORDER`. */
export function orderAll(taps: readonly Tap[]): OrderedTaps {
  return new Map(hookNames.map((name) => [name, orderTaps(taps.filter((tap) => tap.hook === name))]));
}

/** Compiles all hooks of a scope. */
export function compileHooks(ordered: OrderedTaps, services: HookServices): CompiledHooks {
  const compiled: Record<string, unknown> = {};
  for (const name of hookNames) compiled[name] = compileHook(name, ordered.get(name) ?? [], services);
  return compiled as unknown as CompiledHooks;
}

function compileHook(name: HookName, taps: readonly Tap[], services: HookServices): unknown {
  if (taps.length === 0) return null;
  const row = hookTable[name];
  const inputs = row.input.length;
  const compiled = taps.map((tap) => compileTap(tap, inputs, row.timeoutMs));
  switch (row.kind) {
    case 'decide':
      return runDecide(compiled, row.timeoutMs, services);
    case 'gather':
      return runGather(compiled, row.timeoutMs, services);
    case 'transform':
      return runTransform(compiled, inputs, row.timeoutMs, services);
    case 'observe':
      return runObserve(compiled, row.timeoutMs, services);
  }
}

function compileTap(tap: Tap, inputs: number, hookTimeoutMs: number): CompiledTap {
  return {
    hook: tap.hook,
    plugin: tap.plugin,
    timeoutMs: tap.options.timeoutMs ?? hookTimeoutMs,
    isSkippedOnError: tap.options.onError === 'skip',
    call: adapt(tap.answer as (...args: unknown[]) => unknown, inputs),
  };
}

/** Fits a tap of one, two or three inputs to the one way in which runners call. */
function adapt(answer: (...args: unknown[]) => unknown, inputs: number): CompiledTap['call'] {
  if (inputs === 1) return (first, _second, _third, signal) => answer(first, signal);
  if (inputs === 2) return (first, second, _third, signal) => answer(first, second, signal);
  return (first, second, third, signal) => answer(first, second, third, signal);
}
