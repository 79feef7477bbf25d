/**
 * Controllers whose signals go to taps, used again: making one costs as much as a small tap does. A signal is only good
 * until the answer of who was given it has settled.
 */
import { getEventListeners } from 'node:events';

/** As many as there may be taps under way at once on a busy server; more are left to the garbage collector. */
const sparesMax = 128;
const spares: AbortController[] = [];

/** A controller that is not aborted and that nobody listens to. */
export function borrowController(): AbortController {
  return spares.pop() ?? new AbortController();
}

/**
 * Gives back a controller when all who were given its signal have answered. It is not used again when it was aborted, or
 * when somebody still listens: they would hear of what is none of their business.
 */
export function returnController(controller: AbortController): void {
  const { signal } = controller;
  if (signal.aborted || spares.length >= sparesMax) return;
  if (getEventListeners(signal, 'abort').length === 0) spares.push(controller);
}
