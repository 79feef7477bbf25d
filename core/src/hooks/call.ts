/** Calling one tap: a deadline only when it returned a promise, and every failure turned into one logged error. */
import { MailError } from '../errors.js';
import type { Clock } from '../services/clock.js';
import type { Logger } from '../services/logger.js';
import type { Metrics } from '../services/metrics.js';
import type { MaybePromise } from './kinds.js';
import type { HookName } from './table.js';

/** What runners need from the house. */
export interface HookServices {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Told of every answer of a decide or gather hook, and of every failure, as they come; for `postroad try`. */
  readonly watch?: (tap: CompiledTap, answer: unknown) => void;
}

/** A tap ready to be called: always with two or three inputs, whatever its hook has. */
export interface CompiledTap {
  readonly hook: HookName;
  readonly plugin: string;
  readonly timeoutMs: number;
  readonly isSkippedOnError: boolean;
  readonly call: (first: unknown, second: unknown, third: unknown, signal: AbortSignal) => unknown;
}

/** Whether it is to be awaited; anything else is the answer already. */
export function isThenable<T>(value: MaybePromise<T>): value is Promise<T> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  );
}

/** Waits for a tap's promise, at most `timeoutMs`; then the signal is aborted and the wait fails with `E_TAP_DEADLINE`. */
export function withDeadline(
  answer: PromiseLike<unknown>,
  tap: CompiledTap,
  timeoutMs: number,
  controller: AbortController,
  clock: Clock,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(timeoutMs, () => {
      const late = new MailError(
        'E_TAP_DEADLINE',
        `${tap.plugin} did not answer ${tap.hook} within ${Math.round(timeoutMs)} ms`,
      );
      controller.abort(late);
      reject(late);
    });
    answer.then(
      (value) => {
        timer.cancel();
        resolve(value);
      },
      (error: unknown) => {
        timer.cancel();
        reject(error);
      },
    );
  });
}

/** Logs and counts a tap that failed. */
export function reportFailure(tap: CompiledTap, error: unknown, services: HookServices): void {
  services.watch?.(tap, error instanceof Error ? error : new Error(String(error)));
  services.log.error('tap failed', {
    plugin: tap.plugin,
    hook: tap.hook,
    skipped: tap.isSkippedOnError,
    error,
  });
  services.metrics
    .counter('postroad_tap_failures_total', 'Taps that threw, rejected or ran out of time.', {
      plugin: tap.plugin,
      hook: tap.hook,
    })
    .increase();
}

/** The signal of the connection that an input belongs to, so that a lost connection ends what waits for it. */
export function ownerSignal(input: unknown): AbortSignal | undefined {
  const owner = input as {
    signal?: AbortSignal;
    connection?: { signal: AbortSignal };
    transaction?: { connection: { signal: AbortSignal } };
  };
  return owner?.signal ?? owner?.connection?.signal ?? owner?.transaction?.connection.signal;
}

/** Aborts the controller when the owner goes; returns how to stop listening. */
export function followOwner(controller: AbortController, input: unknown): () => void {
  const owner = ownerSignal(input);
  if (owner === undefined) return () => {};
  const abort = () => controller.abort(owner.reason);
  if (owner.aborted) abort();
  owner.addEventListener('abort', abort, { once: true });
  return () => owner.removeEventListener('abort', abort);
}
