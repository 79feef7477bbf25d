/** Bodies in memory: small messages, and the ones that tests and DSNs make. */
import { isAscii } from 'node:buffer';
import { createHash } from 'node:crypto';
import { type Body, type ByteRange, findHeaderEnd, headerOctetsMax, lazyHeader } from './body.js';

/** A body over these octets, which must not change afterwards. Its content must have CRLF line ends. */
export function bodyFromBytes(bytes: Uint8Array): Body {
  const headerSizeBytes = Math.min(findHeaderEnd(bytes), headerOctetsMax);
  const headerBytes = bytes.subarray(0, headerSizeBytes);
  const header = lazyHeader(headerBytes);
  let digest: string | undefined;
  let eightBit: boolean | undefined;
  return {
    sizeBytes: bytes.length,
    get sha256() {
      digest ??= createHash('sha256').update(bytes).digest('hex');
      return digest;
    },
    get has8bit() {
      eightBit ??= hasOctetAbove127(bytes);
      return eightBit;
    },
    headerSizeBytes,
    headerBytes,
    get header() {
      return header();
    },
    inline: bytes,
    file: undefined,
    async *open(range?: ByteRange) {
      yield range === undefined ? bytes : bytes.subarray(range.start, range.end);
    },
    retain() {},
    async release() {},
  };
}

/** Whether any octet is above 127. */
export function hasOctetAbove127(bytes: Uint8Array): boolean {
  return !isAscii(bytes);
}
