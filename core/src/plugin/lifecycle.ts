/** Runs steps of plugins' lives: each has a deadline, and every failure names the plugin. */
import { isMailError, MailError, messageOf } from '../errors.js';
import type { Clock } from '../services/clock.js';

/** How long a plugin may take for one step of its start or end. */
export const lifecycleTimeoutMs = 30_000;

/** One step of one plugin. */
export interface LifecycleStep {
  readonly plugin: string;
  readonly run: (signal: AbortSignal) => void | Promise<void>;
}

/** Runs a step; rejects with `E_LIFECYCLE_DEADLINE` when it takes too long, or with what it threw, the plugin named. */
export async function runStep(
  step: LifecycleStep,
  phase: string,
  clock: Clock,
  timeoutMs = lifecycleTimeoutMs,
): Promise<void> {
  const controller = new AbortController();
  let timer: { cancel(): void } | undefined;
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = clock.after(timeoutMs, () => {
      const late = new MailError(
        'E_LIFECYCLE_DEADLINE',
        `plugin ${step.plugin} did not finish ${phase} within ${timeoutMs} ms`,
      );
      controller.abort(late);
      reject(late);
    });
  });
  try {
    await Promise.race([step.run(controller.signal), deadline]);
  } catch (error) {
    if (isMailError(error)) throw error;
    throw new MailError('E_START', `plugin ${step.plugin} failed in ${phase}: ${messageOf(error)}`, {
      cause: error,
    });
  } finally {
    timer?.cancel();
  }
}
