/** A body as one of a file is: it can be opened, and its octets are not in memory for whoever holds it. */
import type { Body } from '../body/body.js';
import { bodyFromBytes } from '../body/inline-body.js';

/** A body over these octets that says that it is not in memory; for tests of what is done with large ones. */
export function bodyNotInMemory(bytes: Uint8Array): Body {
  const whole = bodyFromBytes(bytes);
  const { sha256, sizeBytes, has8bit, headerSizeBytes, headerBytes, header } = whole;
  return {
    sha256,
    sizeBytes,
    has8bit,
    headerSizeBytes,
    headerBytes,
    header,
    inline: undefined,
    file: undefined,
    open: (range) => whole.open(range),
    retain() {},
    async release() {},
  };
}
