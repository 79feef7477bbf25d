/** The real source of randomness. */
import { randomBytes, randomFillSync } from 'node:crypto';
import type { Clock } from './clock.js';
import type { Random } from './random.js';

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
/** Octets taken from the system at once: asking for each id costs more than the id. */
const poolOctets = 4_096;
const idRandomOctets = 16;

/** Randomness from the system; ids begin with the clock's milliseconds so that they sort by time. */
export function createSystemRandom(clock: Clock): Random {
  const pool = Buffer.alloc(poolOctets);
  let used = poolOctets;
  return {
    number: () => Math.random(),
    bytes: (length) => randomBytes(length),
    id() {
      if (used + idRandomOctets > poolOctets) {
        randomFillSync(pool);
        used = 0;
      }
      let id = encodeTime(clock.now());
      for (let at = 0; at < idRandomOctets; at++) id += alphabet[(pool[used++] as number) & 31];
      return id;
    },
  };
}

/** Ten characters, enough until the year 10889. */
function encodeTime(ms: number): string {
  let rest = ms;
  let text = '';
  for (let at = 0; at < 10; at++) {
    text = alphabet[rest % 32] + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}
