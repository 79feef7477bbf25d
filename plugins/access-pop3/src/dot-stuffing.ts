/** Message content as a multi-line answer (RFC 1939 section 3): lines that begin with a dot get another one. */

const lf = 0x0a;
const cr = 0x0d;
const dot = 0x2e;
/** Octets looked at in one go. */
const pieceOctetsMax = 65_536;
/** With more dots in a piece than this one copy is cheaper than many views; a message of nothing but dots stays cheap. */
const viewsMax = 16;

/** Takes chunks of any cut and hands on views of them. */
export class DotStuffer {
  readonly #emit: (piece: string | Uint8Array) => void;
  #last = lf;
  #beforeLast = cr;

  constructor(emit: (piece: string | Uint8Array) => void) {
    this.#emit = emit;
  }

  /**
   * Hands on the chunk. A dot behind a bare LF is doubled too: many clients take a bare LF for a line end, and a
   * message could otherwise end its own answer.
   */
  push(chunk: Uint8Array): void {
    if (Buffer.isBuffer(chunk) && chunk.length > 0 && chunk.length <= pieceOctetsMax) {
      this.#pushPiece(chunk);
      return;
    }
    for (let start = 0; start < chunk.length; start += pieceOctetsMax) {
      const end = Math.min(start + pieceOctetsMax, chunk.length);
      this.#pushPiece(Buffer.from(chunk.buffer, chunk.byteOffset + start, end - start));
    }
  }

  /** Ends the answer; content without a line end at its end gets one. */
  end(): void {
    const isLineEnded = this.#last === lf && this.#beforeLast === cr;
    this.#emit(isLineEnded ? '.\r\n' : '\r\n.\r\n');
  }

  #pushPiece(bytes: Buffer): void {
    if (this.#last === lf && bytes[0] === dot) this.#emit('.');
    const dots = dottedLines(bytes);
    if (dots.length > viewsMax) {
      this.#emit(stuffedCopy(bytes, dots));
    } else {
      let start = 0;
      for (const at of dots) {
        this.#emit(bytes.subarray(start, at));
        this.#emit('.');
        start = at;
      }
      this.#emit(start === 0 ? bytes : bytes.subarray(start));
    }
    this.#beforeLast = bytes.length > 1 ? (bytes[bytes.length - 2] as number) : this.#last;
    this.#last = bytes[bytes.length - 1] as number;
  }
}

/** Where lines begin with a dot. */
function dottedLines(bytes: Buffer): number[] {
  const dots: number[] = [];
  for (let at = bytes.indexOf('\n.'); at >= 0; at = bytes.indexOf('\n.', at + 1)) dots.push(at + 1);
  return dots;
}

function stuffedCopy(bytes: Buffer, dots: readonly number[]): Buffer {
  const copy = Buffer.allocUnsafe(bytes.length + dots.length);
  let from = 0;
  let to = 0;
  for (const at of dots) {
    to += bytes.copy(copy, to, from, at);
    copy[to++] = dot;
    from = at;
  }
  bytes.copy(copy, to, from);
  return copy;
}

/** Cuts a message behind its header section and a number of body lines (TOP). */
export class TopLimit {
  #headerOctets: number;
  #lines: number;

  constructor(headerOctets: number, lines: number) {
    this.#headerOctets = headerOctets;
    this.#lines = lines;
  }

  get isReached(): boolean {
    return this.#headerOctets === 0 && this.#lines === 0;
  }

  /** The part of the chunk that still belongs to the answer. */
  take(chunk: Uint8Array): Uint8Array {
    let at = Math.min(chunk.length, this.#headerOctets);
    this.#headerOctets -= at;
    while (this.#headerOctets === 0 && this.#lines > 0 && at < chunk.length) {
      const end = chunk.indexOf(lf, at);
      if (end < 0) return chunk;
      at = end + 1;
      this.#lines--;
    }
    return at === chunk.length ? chunk : chunk.subarray(0, at);
  }
}
