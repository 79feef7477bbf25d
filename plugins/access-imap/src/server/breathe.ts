/** Giving other connections their turn in the middle of long work. */
import { setImmediate } from 'node:timers/promises';

/** Resolves when what waits in the event loop has run. */
export function breathe(): Promise<void> {
  return setImmediate();
}
