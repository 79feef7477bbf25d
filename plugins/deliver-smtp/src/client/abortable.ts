/** Ending a connection when a signal aborts. */
import type { SmtpConnection } from './smtp-connection.js';

/** Runs; when the signal aborts meanwhile the connection ends, and with it whatever waits on it. */
export async function abortable<T>(
  signal: AbortSignal,
  connection: SmtpConnection,
  run: () => Promise<T>,
): Promise<T> {
  const onAbort = () => connection.end(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await run();
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
