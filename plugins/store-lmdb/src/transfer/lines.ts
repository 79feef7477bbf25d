/** Lines of a stream, without holding a long one whole. */

/** A line or a piece of one, without its line break. */
export interface LinePiece {
  readonly bytes: Uint8Array;
  readonly startsLine: boolean;
  readonly endsLine: boolean;
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
/** A longer line comes in pieces. */
const pieceOctetsMax = 65_536;

/** Splits at LF and CRLF alike. The last line may lack its end; then its last piece says so. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<LinePiece> {
  let carry: Buffer = Buffer.alloc(0);
  let startsLine = true;
  for await (const chunk of chunks) {
    const bytes = carry.length === 0 ? asBuffer(chunk) : Buffer.concat([carry, chunk]);
    let at = 0;
    for (let end = bytes.indexOf(lineFeed); end >= 0; end = bytes.indexOf(lineFeed, at)) {
      const isCrlf = end > at && bytes[end - 1] === carriageReturn;
      yield { bytes: bytes.subarray(at, isCrlf ? end - 1 : end), startsLine, endsLine: true };
      startsLine = true;
      at = end + 1;
    }
    carry = bytes.subarray(at);
    if (carry.length < pieceOctetsMax) continue;
    // A CR at the end may belong to the line break.
    const kept = carry.at(-1) === carriageReturn ? carry.length - 1 : carry.length;
    yield { bytes: carry.subarray(0, kept), startsLine, endsLine: false };
    startsLine = false;
    carry = carry.subarray(kept);
  }
  if (carry.length > 0) yield { bytes: carry, startsLine, endsLine: false };
}

/** The same octets with LF line ends, as files on disk have them. */
export async function* withLineFeeds(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const { bytes, endsLine } of linesOf(chunks)) {
    yield endsLine ? Buffer.concat([bytes, lineFeedBytes]) : bytes;
  }
}

/** The line ends of mail. */
export const crlf: Uint8Array = Buffer.from('\r\n');
const lineFeedBytes = Buffer.from('\n');

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
