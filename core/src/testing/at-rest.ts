/** Whether a scheduler has let go of everything: what it counts in memory must come back to nothing. */
import type { Scheduler } from '../stages/queue/scheduler.js';
import type { SchedulerOptions } from '../stages/queue/scheduler-options.js';

/** Of one that runs and has nothing to do: exactly as many recipients fit into its memory as it may ever hold. */
export function isAtRest(scheduler: Scheduler, { leasedMax }: SchedulerOptions): boolean {
  return scheduler.lease(leasedMax) !== undefined && scheduler.lease(leasedMax + 1) === undefined;
}
