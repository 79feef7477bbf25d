/**
 * Orthogonal sparse bigrams: each word alone, and with each of the four before it, with their distance. They say more than
 * words alone ("free" and "free ... money") at five times the number.
 */
const window = 5;

/** The different tokens of a message, each as two hashes: its number `at` is `hashes[2 * at]` and the one behind. */
export interface Tokens {
  readonly length: number;
  readonly hashes: Uint32Array;
}

/** The different tokens of words in their order. There are many: numbers, without an object or a string for each. */
export function tokensOf(words: readonly string[]): Tokens {
  const own = new Uint32Array(2 * words.length);
  for (const [at, word] of words.entries()) {
    own[2 * at] = hash(word, 0x811c9dc5);
    own[2 * at + 1] = hash(word, 0x9747b28c);
  }
  const tokens = new TokenSet(window * words.length);
  for (let at = 0; at < words.length; at++) {
    const first = own[2 * at] as number;
    const second = own[2 * at + 1] as number;
    tokens.add(first, second);
    for (let distance = 1; distance < window && distance <= at; distance++) {
      const before = 2 * (at - distance);
      tokens.add(
        mix(own[before] as number, first, distance),
        mix(own[before + 1] as number, second, distance),
      );
    }
  }
  return tokens.tokens();
}

/** Each token once, in the order in which they came: a table of places with open addressing, never more than half full. */
class TokenSet {
  readonly #hashes: Uint32Array;
  readonly #places: Int32Array;
  #length = 0;

  constructor(most: number) {
    this.#hashes = new Uint32Array(2 * most);
    this.#places = new Int32Array(2 ** Math.ceil(Math.log2(2 * most + 2))).fill(-1);
  }

  add(first: number, second: number): void {
    const mask = this.#places.length - 1;
    for (let at = first & mask; ; at = (at + 1) & mask) {
      const place = this.#places[at] as number;
      if (place < 0) {
        this.#places[at] = this.#length;
        this.#hashes[2 * this.#length] = first;
        this.#hashes[2 * this.#length + 1] = second;
        this.#length++;
        return;
      }
      if (this.#hashes[2 * place] === first && this.#hashes[2 * place + 1] === second) return;
    }
  }

  tokens(): Tokens {
    return { length: this.#length, hashes: this.#hashes.subarray(0, 2 * this.#length) };
  }
}

/** FNV-1a over UTF-16 units; two of them with different beginnings make a token. */
function hash(text: string, begin: number): number {
  let value = begin;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return finish(value);
}

function mix(a: number, b: number, distance: number): number {
  return finish(Math.imul(a, 0x85ebca6b) ^ Math.imul(b, 0xc2b2ae35) ^ Math.imul(distance, 0x27d4eb2f));
}

function finish(value: number): number {
  let mixed = value ^ (value >>> 16);
  mixed = Math.imul(mixed, 0x7feb352d);
  mixed ^= mixed >>> 15;
  return mixed >>> 0;
}
