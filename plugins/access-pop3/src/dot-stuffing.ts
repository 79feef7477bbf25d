/** Message content as a multi-line answer (RFC 1939 section 3): lines that begin with a dot get another one. */

const lf = 0x0a;
const cr = 0x0d;
const dot = 0x2e;

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
    if (chunk.length === 0) return;
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    let start = 0;
    if (this.#last === lf && bytes[0] === dot) this.#emit('.');
    for (let at = bytes.indexOf('\n.'); at >= 0; at = bytes.indexOf('\n.', at + 1)) {
      this.#emit(bytes.subarray(start, at + 1));
      this.#emit('.');
      start = at + 1;
    }
    this.#emit(start === 0 ? bytes : bytes.subarray(start));
    this.#beforeLast = bytes.length > 1 ? (bytes[bytes.length - 2] as number) : this.#last;
    this.#last = bytes[bytes.length - 1] as number;
  }

  /** Ends the answer; content without a line end at its end gets one. */
  end(): void {
    const isLineEnded = this.#last === lf && this.#beforeLast === cr;
    this.#emit(isLineEnded ? '.\r\n' : '\r\n.\r\n');
  }
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
