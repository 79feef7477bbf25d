/** What the scheduler's tests share: a scheduler that is looked at again when the test is over. */
import { onTestFinished } from 'vitest';
import { playScheduler } from './play-scheduler.js';

export { type Answer, deferred, failed, gate, minute, startMs } from './play-scheduler.js';

/** A scheduler as `playScheduler` makes it; the test fails when it holds anything that nobody tries in the end. */
export function setUp(...of: Parameters<typeof playScheduler>): ReturnType<typeof playScheduler> {
  const made = playScheduler(...of);
  onTestFinished(() => made.checkRest());
  return made;
}
