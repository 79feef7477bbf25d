/** Randomness that is the same for the same seed. */
import type { Random } from '../services/random.js';

/** A `Random` for tests; print the seed, so that a failing run can be repeated. `id`s are unique within one of them. */
export function createSeededRandom(seed: number): Random {
  let state = seed >>> 0;
  let ids = 0;
  // The generator mulberry32: 32 bits of state, good enough to choose test cases by.
  const number = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return {
    number,
    id() {
      ids++;
      return `${ids.toString(32).padStart(10, '0')}${Math.floor(number() * 2 ** 32)
        .toString(32)
        .padStart(16, '0')}`;
    },
    bytes(length) {
      return Uint8Array.from({ length }, () => Math.floor(number() * 256));
    },
  };
}
