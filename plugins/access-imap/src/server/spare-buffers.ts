/** Buffers in which responses are gathered: taken by a connection that has something to say, and given back at once. */

/** Octets of one. */
export const gatherOctetsMax = 65_536;
/** Buffers kept for the next one who needs one. */
const sparesMax = 16;

/** The buffers of a server. A connection that is silent has none. */
export class SpareBuffers {
  readonly #spares: Buffer[] = [];

  /** A buffer with whatever is in it. */
  take(): Buffer {
    return this.#spares.pop() ?? Buffer.allocUnsafeSlow(gatherOctetsMax);
  }

  /** Takes one back that nobody reads any more. */
  give(buffer: Buffer): void {
    if (this.#spares.length < sparesMax && buffer.length === gatherOctetsMax) this.#spares.push(buffer);
  }
}
