/** Octets for responses of a line each, of which a client may ask for a hundred thousand. */

/** Most digits of a number that is written without making a string of it. */
const digitsMax = 10;

/** Puts short octet strings and numbers together. */
export class OctetWriter {
  #octets: Uint8Array;
  #length = 0;

  /** It has room for `sizeOctets`, and makes more when it needs it. */
  constructor(sizeOctets: number) {
    this.#octets = new Uint8Array(sizeOctets);
  }

  get length(): number {
    return this.#length;
  }

  add(octets: Uint8Array): void {
    const target = this.#room(octets.length);
    let at = this.#length;
    // A loop is faster than a copy by the system for so few.
    for (let from = 0; from < octets.length; from++) target[at++] = octets[from] as number;
    this.#length = at;
  }

  /** Adds a whole number from 0 on, in decimal digits. */
  addNumber(number: number): void {
    if (number > 0x3fff_ffff) {
      this.add(Buffer.from(String(number), 'latin1'));
      return;
    }
    const target = this.#room(digitsMax);
    let digits = 1;
    for (let bound = 10; bound <= number; bound *= 10) digits++;
    const end = this.#length + digits;
    let rest = number;
    for (let at = end - 1; at >= this.#length; at--) {
      const next = (rest / 10) | 0;
      target[at] = 0x30 + rest - next * 10;
      rest = next;
    }
    this.#length = end;
  }

  #room(octets: number): Uint8Array {
    const needed = this.#length + octets;
    if (needed <= this.#octets.length) return this.#octets;
    const larger = new Uint8Array(2 * needed);
    larger.set(this.#octets.subarray(0, this.#length));
    this.#octets = larger;
    return larger;
  }

  /** What was added; good until the next `add`. The writer is empty again. */
  take(): Uint8Array {
    const taken = this.#octets.subarray(0, this.#length);
    this.#length = 0;
    return taken;
  }
}
