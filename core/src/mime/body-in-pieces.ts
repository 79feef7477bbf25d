/** A body for tests of what reads streams. */
import type { Body } from '../body/body.js';
import { bodyFromBytes } from '../body/inline-body.js';

/** The same octets as a stream in pieces. */
export function inPieces(bytes: Buffer, size: number): Body {
  const body = bodyFromBytes(bytes);
  return {
    sizeBytes: body.sizeBytes,
    sha256: body.sha256,
    has8bit: body.has8bit,
    headerSizeBytes: body.headerSizeBytes,
    headerBytes: body.headerBytes,
    header: body.header,
    file: undefined,
    retain() {},
    async release() {},
    inline: undefined,
    async *open() {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
    },
  };
}
