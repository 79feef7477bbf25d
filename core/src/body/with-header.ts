/** A body with another header section: what follows the header is the same octets, not copied. */
import { createHash } from 'node:crypto';
import { type Body, type ByteRange, lazyHeader } from './body.js';

/**
 * The content of `body` with `headerBytes` in the place of its header section; they end with the empty line. Ownership
 * stays with `body`: retaining and releasing the result retains and releases it. `sha256` is a key made of both parts,
 * not the digest of the octets, so that a large body is not read again for it.
 */
export function withHeaderSection(body: Body, headerBytes: Uint8Array): Body {
  const { headerSizeBytes } = body;
  const sizeBytes = headerBytes.length + body.sizeBytes - headerSizeBytes;
  const inline =
    body.inline === undefined
      ? undefined
      : Buffer.concat([headerBytes, body.inline.subarray(headerSizeBytes)]);
  const header = lazyHeader(headerBytes);
  return {
    sizeBytes,
    get sha256() {
      return createHash('sha256')
        .update(headerBytes)
        .update(`${headerSizeBytes} ${body.sha256}`)
        .digest('hex');
    },
    get has8bit() {
      return body.has8bit || headerBytes.some((octet) => octet > 127);
    },
    headerSizeBytes: headerBytes.length,
    headerBytes,
    get header() {
      return header();
    },
    inline,
    file: undefined,
    open(range) {
      return openParts(headerBytes, body, range ?? { start: 0, end: sizeBytes });
    },
    retain() {
      body.retain();
    },
    async release() {
      await body.release();
    },
  };
}

async function* openParts(headerBytes: Uint8Array, body: Body, range: ByteRange): AsyncGenerator<Uint8Array> {
  const head = headerBytes.subarray(range.start, range.end);
  if (head.length > 0) yield head;
  const shift = body.headerSizeBytes - headerBytes.length;
  const start = Math.max(range.start, headerBytes.length) + shift;
  const end = range.end + shift;
  if (end > start) yield* body.open({ start, end });
}
