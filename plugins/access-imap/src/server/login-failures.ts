/** How often logins failed from an address: each failure makes the next one slower, on whatever connection. */
import type { Clock } from '@postroad/core';

/** Failures are forgotten after this time without a further one. */
const forgetMs = 15 * 60_000;
/** Most addresses remembered; the one that failed longest ago is forgotten first. */
const addressesMax = 10_000;
/** The wait doubles this often at most. */
const doublingsMax = 4;

/** The failures of one server. */
export class LoginFailures {
  readonly #clock: Clock;
  readonly #delayMs: number;
  readonly #failures = new Map<string, { count: number; atMs: number }>();

  constructor(clock: Clock, delayMs: number) {
    this.#clock = clock;
    this.#delayMs = delayMs;
  }

  /** Counts a failure; returns how long its answer must wait. */
  add(address: string): number {
    const network = networkOf(address);
    const nowMs = this.#clock.monotonic();
    const known = this.#failures.get(network);
    const count = known === undefined || nowMs - known.atMs > forgetMs ? 0 : known.count;
    // Set anew, so that the map's order is that of the last failure.
    this.#failures.delete(network);
    this.#failures.set(network, { count: count + 1, atMs: nowMs });
    if (this.#failures.size > addressesMax) {
      for (const oldest of this.#failures.keys()) {
        this.#failures.delete(oldest);
        break;
      }
    }
    return this.#delayMs * 2 ** Math.min(count, doublingsMax);
  }
}

/** An IPv4 address, or the /64 an IPv6 address is in: who has one of those has them all. */
function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail = ''] = address.split('::');
  const first = head.split(':').filter((group) => group !== '');
  const last = tail.split(':').filter((group) => group !== '');
  const groups = [...first, ...Array<string>(Math.max(0, 8 - first.length - last.length)).fill('0'), ...last];
  return groups.slice(0, 4).join(':');
}
