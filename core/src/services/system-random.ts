/** The real source of randomness. */
import { randomBytes, randomFillSync } from 'node:crypto';
import type { Clock } from './clock.js';
import type { Random } from './random.js';

const letters = Buffer.from('0123456789abcdefghjkmnpqrstvwxyz');
/** Characters of the time, enough until the year 10889. */
const timeLength = 10;
/** Octets taken from the system at once: asking for each id costs more than the id. */
const poolOctets = 4_096;
const idRandomOctets = 16;

/** Randomness from the system; ids begin with the clock's milliseconds so that they sort by time. */
export function createSystemRandom(clock: Clock): Random {
  const pool = Buffer.alloc(poolOctets);
  const text = Buffer.alloc(timeLength + idRandomOctets);
  let used = poolOctets;
  return {
    number: () => Math.random(),
    bytes: (length) => randomBytes(length),
    id() {
      if (used + idRandomOctets > poolOctets) {
        randomFillSync(pool);
        used = 0;
      }
      let rest = clock.now();
      for (let at = timeLength - 1; at >= 0; at--) {
        text[at] = letters[rest % 32] as number;
        rest = Math.floor(rest / 32);
      }
      for (let at = 0; at < idRandomOctets; at++) {
        text[timeLength + at] = letters[(pool[used++] as number) & 31] as number;
      }
      return text.toString('latin1');
    },
  };
}
