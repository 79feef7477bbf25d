/** Finds octets below 14 (line ends, NUL and a few other controls) four at a time. */

const eachOctet14 = 0x0e0e0e0e;
const eachHighBit = 0x80808080 | 0;

/** Looks through one chunk. */
export class SuspectFinder {
  readonly #chunk: Buffer;
  readonly #words: Int32Array;
  readonly #base: number;

  constructor(chunk: Buffer) {
    this.#chunk = chunk;
    this.#base = chunk.byteOffset;
    this.#words = new Int32Array(chunk.buffer, 0, chunk.buffer.byteLength >>> 2);
  }

  /** The index of the next octet below 14 from `start` on; the length of the chunk when there is none. */
  next(start: number): number {
    const chunk = this.#chunk;
    const base = this.#base;
    const end = chunk.length;
    let at = start;
    while (((at + base) & 3) !== 0) {
      if (at === end) return end;
      if ((chunk[at] as number) < 14) return at;
      at++;
    }
    const words = this.#words;
    const last = (end + base) >>> 2;
    let word = (at + base) >>> 2;
    while (word < last) {
      const octets = words[word] as number;
      // A borrow may point at an octet too many, never at one too few: the loop below looks again.
      if (((octets - eachOctet14) & ~octets & eachHighBit) !== 0) break;
      word++;
    }
    at = Math.max(at, (word << 2) - base);
    while (at < end && (chunk[at] as number) >= 14) at++;
    return at;
  }
}
