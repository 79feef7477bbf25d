/**
 * Octets that arrive in chunks and are taken from the front. Adding is cheap whatever the size of the chunks, and octets
 * once handed out are never overwritten, so that they may be kept without a copy.
 */

/** The buffer of one reader. */
export class GrowingBuffer {
  #bytes: Buffer = Buffer.alloc(0);
  /** Whether the memory is ours: only then may chunks be added behind the end. */
  #isOwned = false;
  #start = 0;
  #end = 0;
  #searched = 0;

  get length(): number {
    return this.#end - this.#start;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    if (this.length === 0) {
      this.#bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      this.#isOwned = false;
      this.#start = 0;
      this.#end = chunk.length;
      this.#searched = 0;
      return;
    }
    if (!this.#isOwned || this.#end + chunk.length > this.#bytes.length) this.#grow(chunk.length);
    this.#bytes.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /** Offset of an octet from the front, or -1. What was searched without success is not searched again. */
  indexOf(octet: number): number {
    const from = Math.max(this.#start, this.#searched);
    const found = this.#bytes.subarray(0, this.#end).indexOf(octet, from);
    this.#searched = found < 0 ? this.#end : found;
    return found < 0 ? -1 : found - this.#start;
  }

  at(offset: number): number | undefined {
    return this.#bytes[this.#start + offset];
  }

  /** The first `length` octets as an octet string. */
  text(length: number): string {
    return this.#bytes.toString('latin1', this.#start, this.#start + length);
  }

  slice(from: number, to: number): string {
    return this.#bytes.toString('latin1', this.#start + from, this.#start + to);
  }

  /** Removes the first `length` octets and returns them without a copy. */
  take(length: number): Uint8Array {
    const taken = this.#bytes.subarray(this.#start, this.#start + length);
    this.drop(length);
    return taken;
  }

  drop(length: number): void {
    this.#start += length;
    if (this.#start >= this.#end) this.clear();
  }

  clear(): void {
    this.#bytes = Buffer.alloc(0);
    this.#isOwned = false;
    this.#start = 0;
    this.#end = 0;
    this.#searched = 0;
  }

  #grow(extra: number): void {
    const grown = Buffer.allocUnsafe(Math.max(1024, (this.length + extra) * 2));
    this.#bytes.copy(grown, 0, this.#start, this.#end);
    this.#searched = Math.max(0, this.#searched - this.#start);
    this.#end -= this.#start;
    this.#start = 0;
    this.#bytes = grown;
    this.#isOwned = true;
  }
}
