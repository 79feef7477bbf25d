/**
 * A message as it goes over the wire, on views of it: nothing is copied, only what is missing is put between. For DATA
 * that is the dots of RFC 5321 section 4.5.2; for BDAT (RFC 3030) there are none. A bare CR or LF is never sent,
 * whatever the message holds: it becomes CRLF, because to some servers it is a line end and to others not, and that is
 * how messages are smuggled. A NUL, which some servers drop, becomes a blank. Messages that came through our own receiver
 * have none of them.
 */

const cr = 0x0d;
const lf = 0x0a;
const dot = 0x2e;
const dotBytes = Buffer.from('.');
const crBytes = Buffer.from('\r');
const lfBytes = Buffer.from('\n');
const blankBytes = Buffer.from(' ');

/** Keeps the state between the chunks of one message. */
export class WireContent {
  readonly #isStuffed: boolean;
  #isLineStart = true;
  #isAfterCr = false;

  /** `isStuffed` for DATA. */
  constructor(isStuffed: boolean) {
    this.#isStuffed = isStuffed;
  }

  /** The chunk as the pieces to send. */
  push(chunk: Uint8Array): readonly Uint8Array[] {
    const pieces: Uint8Array[] = [];
    const words = wordsOf(chunk);
    let start = 0;
    let at = 0;
    if (this.#isAfterCr && chunk.length > 0 && chunk[0] !== lf) {
      pieces.push(lfBytes);
      this.#isAfterCr = false;
      this.#isLineStart = true;
    }
    for (; at < chunk.length; at++) {
      const octet = chunk[at] as number;
      // Nearly every octet is a letter or blank in the middle of a line.
      if (octet > dot && !this.#isAfterCr) {
        this.#isLineStart = false;
        if (words !== undefined && (at & 3) === 3) at = plainUpTo(words, at + 1) - 1;
        continue;
      }
      if (this.#isAfterCr && octet !== lf) {
        // A bare CR: its LF is put behind it.
        pieces.push(chunk.subarray(start, at), lfBytes);
        start = at;
        this.#isLineStart = true;
      }
      if (octet === 0) {
        pieces.push(chunk.subarray(start, at), blankBytes);
        start = at + 1;
      }
      if (octet === lf) {
        if (!this.#isAfterCr) {
          pieces.push(chunk.subarray(start, at), crBytes);
          start = at;
        }
        this.#isLineStart = true;
        this.#isAfterCr = false;
        continue;
      }
      if (octet === dot && this.#isLineStart && this.#isStuffed) {
        pieces.push(chunk.subarray(start, at), dotBytes);
        start = at;
      }
      this.#isAfterCr = octet === cr;
      this.#isLineStart = false;
    }
    if (start < chunk.length) pieces.push(chunk.subarray(start));
    return pieces;
  }

  /** What ends the message: the line end it may lack, and for DATA the dot. */
  end(): Uint8Array {
    const dotLine = this.#isStuffed ? '.\r\n' : '';
    if (this.#isAfterCr) return Buffer.from(`\n${dotLine}`);
    return Buffer.from(this.#isLineStart ? dotLine : `\r\n${dotLine}`);
  }
}

/** The chunk as words of four octets; `undefined` where they do not lie on the borders of words. */
function wordsOf(chunk: Uint8Array): Int32Array | undefined {
  const isAligned = (chunk.byteOffset & 3) === 0 && chunk.length >= 64;
  return isAligned ? new Int32Array(chunk.buffer, chunk.byteOffset, chunk.length >> 2) : undefined;
}

/**
 * Where, from the beginning of a word in the middle of a line, the first word stands that may hold an octet below 14: NUL,
 * CR and LF are there. Subtracting borrows into the sign of each such octet, and sometimes of the one above it, which
 * is then looked at for nothing.
 */
function plainUpTo(words: Int32Array, from: number): number {
  let at = from >> 2;
  for (; at < words.length; at++) {
    const word = words[at] as number;
    if (((word - 0x0e0e0e0e) & ~word & 0x80808080) !== 0) break;
  }
  return at << 2;
}
