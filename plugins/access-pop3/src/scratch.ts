/** The buffer in which the answers of all sessions are put together, one after another. */
import type { Socket } from 'node:net';

/** Octets of the longest answer that is put together there. */
export const scratchOctets = 32_768;

/** Writes pieces as one: that costs the system less than several, and a buffer for each answer would be garbage at once. */
export class Scratch {
  #buffer = Buffer.allocUnsafeSlow(scratchOctets);

  /** Hands over pieces of so many octets in all; `text` is ASCII. */
  write(socket: Socket, pieces: readonly (string | Uint8Array)[], octets: number): void {
    const isShared = octets <= scratchOctets && socket.writableLength === 0;
    const target = isShared ? this.#buffer : Buffer.allocUnsafe(octets);
    socket.write(joinedInto(target, pieces));
    // What the system has not taken yet is still read from there: it is left to that socket.
    if (isShared && socket.writableLength > 0) this.#buffer = Buffer.allocUnsafeSlow(scratchOctets);
  }
}

function joinedInto(target: Buffer, pieces: readonly (string | Uint8Array)[]): Buffer {
  let at = 0;
  for (const piece of pieces) {
    if (typeof piece === 'string') at += target.write(piece, at, 'latin1');
    else {
      target.set(piece, at);
      at += piece.length;
    }
  }
  return target.subarray(0, at);
}
