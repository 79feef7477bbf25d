/**
 * Large bodies outside of the database that refers to them. Who refers gives each body a name that was never used before
 * and is never used again, notes it in its database before the body is written, and removes the body only when its
 * database has said, for good, that nothing will ever refer to that name. So a removal that comes late, or twice, can
 * not take away what somebody refers to.
 */
import type { Body, ByteRange } from '../body/body.js';
import { token } from '../di/token.js';

/** Keeps bodies by name. Failures are `E_BODIES`. All methods may be called concurrently. */
export interface Bodies {
  /**
   * Writes a body; durable when it resolves. Ends within minutes, one way or the other. Names are letters, digits, `.`,
   * `_`, `-` and `/`.
   */
  write(name: string, body: Pick<Body, 'sizeBytes' | 'open'>, signal?: AbortSignal): Promise<void>;
  /** Streams a part of a body. */
  read(name: string, range: ByteRange, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /** Removes a body, and what is left of a write that failed; one that is not there is removed already. */
  remove(name: string, signal?: AbortSignal): Promise<void>;
}

/** The token of what keeps bodies. Stores that know it keep large bodies there when somebody provides it. */
export const Bodies = token<Bodies>('core.bodies');
