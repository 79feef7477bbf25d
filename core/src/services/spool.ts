/** Writing message bodies: memory up to the inline limit, then a file. */
import type { Body } from '../body/body.js';
import { token } from '../di/token.js';
import type { MaybePromise } from '../hooks/kinds.js';

/** A body being written. Exactly one of `finish` and `abort` must be called. */
export interface BodyWriter {
  /**
   * Takes the octets: what is kept of them is copied, and they are the caller's again when it returns. `false` asks the
   * caller to wait for `drained` before it writes more. After a failure (full disk) every call is ignored and `finish` rejects with `E_SPOOL`.
   */
  write(chunk: Uint8Array): boolean;
  drained(): Promise<void>;
  readonly sizeBytes: number;
  /**
   * Completes the body; the caller owns it. At once when it is in memory. A file is complete but not yet synced: the
   * queue does that.
   */
  finish(): MaybePromise<Body>;
  /** Throws everything away. Never rejects. */
  abort(): Promise<void>;
}

/** Makes bodies. */
export interface Spool {
  writer(): BodyWriter;
  /** Writes a whole stream; rejects with `E_BODY_TOO_LARGE` above `sizeBytesMax`. */
  store(stream: AsyncIterable<Uint8Array> | Uint8Array, sizeBytesMax?: number): Promise<Body>;
  /** The directory of files, on one file system with the queue so that they can be moved there. */
  readonly directory: string;
}

/** The token of the spool. */
export const Spool = token<Spool>('core.spool');
