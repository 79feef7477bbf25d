/** Connections that could not be accepted: all of them counted, some of them logged. */
import type { ServeServices } from './serve-socket.js';

/** What a flood of failures is allowed to write to the log: one line in this time. */
const silenceMs = 10_000;

/**
 * Tells of failures of a listening socket; the port stays open. Where no file descriptor is left Node.js takes connections
 * and closes them without a word to anybody: those are not among them.
 */
export function createAcceptFailures(
  listener: string,
  services: () => Pick<ServeServices, 'clock' | 'log' | 'metrics'>,
): (error: Error) => void {
  let unsaid = 0;
  let quietUntil = Number.NEGATIVE_INFINITY;
  return (error) => {
    const { clock, log, metrics } = services();
    metrics
      .counter(
        'postroad_accept_failures_total',
        'Connections that the system could not give to the process.',
        {
          listener,
        },
      )
      .increase();
    unsaid++;
    if (clock.monotonic() < quietUntil) return;
    log.error('accepting failed', { listener, failures: unsaid, error });
    unsaid = 0;
    quietUntil = clock.monotonic() + silenceMs;
  };
}
