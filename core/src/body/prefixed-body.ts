/** A body with header fields in front of it, without copying the body. */
import { createHash } from 'node:crypto';
import type { Body, ByteRange } from './body.js';
import { lazyHeader } from './body.js';

/**
 * The content `prefix` + `body`. `prefix` is whole header fields with CRLF. Ownership stays with `body`: retaining and
 * releasing the result retains and releases it. `sha256` is a key made of both parts, not the digest of the
 * joined octets, so that a large body is not read again for it.
 */
export function prefixedBody(prefix: Uint8Array, body: Body): Body {
  if (prefix.length === 0) return body;
  const inline = body.inline === undefined ? undefined : Buffer.concat([prefix, body.inline]);
  const headerBytes = Buffer.concat([prefix, body.headerBytes]);
  const header = lazyHeader(headerBytes);
  return {
    sizeBytes: prefix.length + body.sizeBytes,
    get sha256() {
      // The key of a content, equal for equal content made in the same way.
      return createHash('sha256').update(prefix).update(body.sha256).digest('hex');
    },
    get has8bit() {
      return body.has8bit;
    },
    headerSizeBytes: prefix.length + body.headerSizeBytes,
    headerBytes,
    get header() {
      return header();
    },
    inline,
    file: undefined,
    open(range) {
      return openPrefixed(prefix, body, range ?? { start: 0, end: prefix.length + body.sizeBytes });
    },
    retain() {
      body.retain();
    },
    async release() {
      await body.release();
    },
  };
}

async function* openPrefixed(prefix: Uint8Array, body: Body, range: ByteRange): AsyncGenerator<Uint8Array> {
  const head = prefix.subarray(range.start, range.end);
  if (head.length > 0) yield head;
  const start = Math.max(0, range.start - prefix.length);
  const end = range.end - prefix.length;
  if (end > start) yield* body.open({ start, end });
}
