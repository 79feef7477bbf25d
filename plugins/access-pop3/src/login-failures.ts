/** Wrong passwords cost time: twice as much for each one that came from the same network lately. */
import type { Clock } from '@postroad/core';

/** Counts by network, bounded. */
export interface LoginFailures {
  /** Counts one more; the wait that it costs. */
  add(remoteAddress: string): number;
}

const delayMsMax = 15_000;
const rememberMs = 600_000;
const networksMax = 10_000;

/** `delayMs` is the wait for the first one. */
export function createLoginFailures(clock: Clock, delayMs: number): LoginFailures {
  const networks = new Map<string, { count: number; lastMs: number }>();
  return {
    add(remoteAddress) {
      const network = networkOf(remoteAddress);
      const now = clock.monotonic();
      const known = networks.get(network);
      const count = known === undefined || now - known.lastMs > rememberMs ? 1 : known.count + 1;
      // Put at the end: the one that was quiet for longest goes first.
      networks.delete(network);
      networks.set(network, { count, lastMs: now });
      const oldest = networks.keys().next().value;
      if (networks.size > networksMax && oldest !== undefined) networks.delete(oldest);
      return Math.min(delayMs * 2 ** Math.min(count - 1, 20), delayMs === 0 ? 0 : delayMsMax);
    },
  };
}

/** An IPv6 client has a whole /64 to itself. */
function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.split('::');
  const [before, after] = [groupsOf(head), groupsOf(tail ?? '')];
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  return [...before, ...Array.from({ length: zeros }, () => '0'), ...after].slice(0, 4).join(':');
}

function groupsOf(text: string): string[] {
  return text === '' ? [] : text.split(':');
}
