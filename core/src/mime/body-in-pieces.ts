/** A body for tests of what reads streams. */
import type { Body } from '../body/body.js';
import { bodyFromBytes } from '../body/inline-body.js';

/** The same octets as a stream in pieces. */
export function inPieces(bytes: Buffer, size: number): Body {
  const body = bodyFromBytes(bytes);
  return {
    ...body,
    header: body.header,
    inline: undefined,
    async *open() {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
    },
  };
}
