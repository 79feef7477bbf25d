/** A body that some store keeps: its facts and a way to read it. */
import { type Body, type ByteRange, lazyHeader } from './body.js';

/** What a store knows of a body without opening it. */
export interface StoredBodyFacts {
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly has8bit: boolean;
  readonly headerSizeBytes: number;
}

/**
 * The body; its header section is read at once. It belongs to the store: `retain` and `release` do nothing, and it can
 * be opened as long as the store keeps it.
 */
export async function openStoredBody(
  facts: StoredBodyFacts,
  read: (range: ByteRange) => AsyncIterable<Uint8Array>,
): Promise<Body> {
  const pieces: Uint8Array[] = [];
  for await (const piece of read({ start: 0, end: facts.headerSizeBytes })) pieces.push(piece);
  const headerBytes = Buffer.concat(pieces);
  const header = lazyHeader(headerBytes);
  const { sha256, sizeBytes, has8bit, headerSizeBytes } = facts;
  return {
    sha256,
    sizeBytes,
    has8bit,
    headerSizeBytes,
    headerBytes,
    get header() {
      return header();
    },
    inline: undefined,
    file: undefined,
    open: (range) => read(range ?? { start: 0, end: sizeBytes }),
    retain() {},
    async release() {},
  };
}
