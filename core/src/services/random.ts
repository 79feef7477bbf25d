/** Randomness as a service, so that a test's run is repeatable from its seed. */
import { token } from '../di/token.js';

/** Randomness. Use it instead of `Math.random`. */
export interface Random {
  /** A number from 0 up to, not including, 1; for jitter and choices, not for secrets. */
  number(): number;
  /** An id that is unique in the world and sorts by time: 26 characters of Crockford's base32 (lower case). */
  id(): string;
  /** Secret octets. */
  bytes(length: number): Uint8Array;
}

/** The token of the source of randomness. */
export const Random = token<Random>('core.random');
