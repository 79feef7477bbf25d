/** What other processes suspend and resume in a queue that they share: looked at now and then. */
import type { Clock, Timer } from '../../services/clock.js';
import type { Logger } from '../../services/logger.js';
import type { Suspensions } from './suspensions.js';

/** So late a suspension takes effect at the other processes, at the most. */
const lookMs = 5_000;

/** Looks until the function that it returns is called. A store that can't be read is asked again the next time. */
export function watchSuspensions(
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
  suspensions: Pick<Suspensions, 'load'>,
): () => void {
  let timer: Timer | undefined;
  let isStopped = false;
  const look = async (): Promise<void> => {
    try {
      await suspensions.load();
    } catch (error) {
      log.warn('what is suspended could not be read', { error });
    }
    arm();
  };
  const arm = (): void => {
    if (!isStopped) timer = clock.after(lookMs, () => void look());
  };
  arm();
  return () => {
    isStopped = true;
    timer?.cancel();
  };
}
