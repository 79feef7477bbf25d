/**
 * The message body as a value: immutable, opened as often as one likes, never held whole in memory above the inline
 * limit. Here "body" means the whole content of DATA: header section and what follows it.
 */
import { type HeaderSection, parseHeader } from '../values/header.js';

/** A part of a body in octets: from `start` up to, not including, `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * An immutable message content with CRLF line ends. Whoever made it owns it and calls `release` when done; others
 * open it only while the owner lives, or `retain` it. All methods may be called concurrently.
 */
export interface Body {
  readonly sizeBytes: number;
  /** SHA-256 in hex; computed while streaming for files, on first use for inline bodies. */
  readonly sha256: string;
  /** Whether an octet above 127 occurs. */
  readonly has8bit: boolean;
  /** Octets up to and including the empty line that ends the header section. */
  readonly headerSizeBytes: number;
  /** The parsed header section; parsed once, on first use. */
  readonly header: HeaderSection;
  /** The raw header section, always in memory (bounded by the spool's header limit). */
  readonly headerBytes: Uint8Array;
  /** All octets when the body is small enough to be held in memory. */
  readonly inline: Uint8Array | undefined;
  /** The path of the file when it is not. The file belongs to the body. */
  readonly file: string | undefined;
  /** Streams the octets as views; fails with `E_SPOOL` when the file can't be read. */
  open(range?: ByteRange): AsyncIterable<Uint8Array>;
  /** Adds an owner; each owner calls `release` once. */
  retain(): void;
  /** Gives up ownership; the last one removes the file. Never rejects. */
  release(): Promise<void>;
}

/** What is known of a body without opening it; stored with queue records. */
export interface BodyFacts {
  readonly sizeBytes: number;
  readonly has8bit: boolean;
  readonly headerSizeBytes: number;
}

/** Most header octets kept in memory; a longer header section is treated as ending there. */
export const headerOctetsMax = 1_048_576;

/** Offset behind the empty line that ends the header section; the whole length when there is none. */
export function findHeaderEnd(bytes: Uint8Array): number {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer[0] === 0x0d && buffer[1] === 0x0a) return 2;
  const end = buffer.indexOf('\r\n\r\n');
  return end < 0 ? buffer.length : end + 4;
}

/** Parses on first use and remembers. */
export function lazyHeader(headerBytes: Uint8Array): () => HeaderSection {
  let header: HeaderSection | undefined;
  return () => {
    header ??= parseHeader(headerBytes);
    return header;
  };
}

/** Reads a whole body into one buffer. Only for small ones and tests: it throws above `limitBytes`. */
export async function readBody(body: Body, limitBytes: number): Promise<Buffer> {
  if (body.sizeBytes > limitBytes)
    throw new RangeError(`body of ${body.sizeBytes} octets is over ${limitBytes}`);
  if (body.inline !== undefined) return Buffer.from(body.inline);
  const chunks: Uint8Array[] = [];
  for await (const chunk of body.open()) chunks.push(chunk);
  return Buffer.concat(chunks);
}
