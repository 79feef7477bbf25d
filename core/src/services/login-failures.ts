/** What a wrong password costs: one place for all protocols, so that none is the cheap one to guess at. */
import { token } from '../di/token.js';
import type { Clock } from './clock.js';

/** Counts failed logins. The core's own counts by network; a plugin that judges logins may provide another. */
export interface LoginFailures {
  /** Counts a failure of an address; returns how long its answer must wait, where the first one waits `firstMs`. */
  add(remoteAddress: string, firstMs: number): number;
}

/** The token of the counts of failed logins. */
export const LoginFailures = token<LoginFailures>('core.login-failures');

const delayMsMax = 15_000;
/** Failures are forgotten after this time without a further one. */
const rememberMs = 15 * 60_000;
/** Most networks remembered; the one that failed longest ago is forgotten first. */
const networksMax = 10_000;

/** Twice the wait for each failure that came from the same network lately, over whatever protocol; up to 15 seconds. */
export function createLoginFailures(clock: Clock): LoginFailures {
  const networks = new Map<string, { readonly count: number; readonly lastMs: number }>();
  return {
    add(remoteAddress, firstMs) {
      const network = networkOf(remoteAddress);
      const now = clock.monotonic();
      const known = networks.get(network);
      const count = known === undefined || now - known.lastMs > rememberMs ? 1 : known.count + 1;
      // Put at the end: the one that was quiet for longest goes first.
      networks.delete(network);
      networks.set(network, { count, lastMs: now });
      const oldest = networks.keys().next().value;
      if (networks.size > networksMax && oldest !== undefined) networks.delete(oldest);
      return Math.min(firstMs * 2 ** Math.min(count - 1, 20), firstMs === 0 ? 0 : delayMsMax);
    },
  };
}

/** An IPv4 address, or the /64 an IPv6 address is in: who has one of those has them all. */
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
