/**
 * Orthogonal sparse bigrams: each word alone, and with each of the four before it, with their distance. They say more than
 * words alone ("free" and "free ... money") at five times the number.
 */

const window = 5;

/** A token, as 16 hexadecimal digits of two hashes. */
export type TokenKey = string;

/** The different tokens of words in their order. */
export function tokensOf(words: readonly string[]): readonly TokenKey[] {
  const tokens = new Set<TokenKey>();
  const hashes = words.map((word) => [hash(word, 0x811c9dc5), hash(word, 0x9747b28c)] as const);
  for (const [at, [first, second]] of hashes.entries()) {
    tokens.add(keyOf(first, second));
    for (let distance = 1; distance < window && distance <= at; distance++) {
      const [a, b] = hashes[at - distance] as readonly [number, number];
      tokens.add(keyOf(mix(a, first, distance), mix(b, second, distance)));
    }
  }
  return [...tokens];
}

/** FNV-1a over UTF-16 units; two of them with different beginnings make a key. */
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

function keyOf(a: number, b: number): TokenKey {
  return a.toString(16).padStart(8, '0') + b.toString(16).padStart(8, '0');
}
