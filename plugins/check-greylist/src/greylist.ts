/** The memory of the greylist: which triplets have come again, and which networks have proved themselves by it. */
import type { Clock, Counters } from '@postroad/core';
import type { CheckGreylistConfig } from './options.js';
import { networkKey } from './triplet.js';

/** `undefined`: need not wait. Otherwise how long, and whether it is new. */
export type Wait = { readonly waitMs: number; readonly isNew: boolean } | undefined;

/** What it works with. */
export interface GreylistParts {
  readonly config: CheckGreylistConfig;
  readonly counters: Counters;
  readonly clock: Clock;
}

const proved = 'proved';

/** Whether a triplet must wait; remembers that it was here, unless it is a trial. Rejects when the counters fail. */
export async function askGreylist(
  { config, counters, clock }: GreylistParts,
  triplet: string,
  network: string,
  isTrial: boolean,
): Promise<Wait> {
  const { delayMs, windowMs, rememberMs, allowAfter } = config;
  const now = clock.now();
  const count = allowAfter > 0 ? Number((await counters.get(networkKey(network))) ?? 0) : 0;
  if (allowAfter > 0 && count >= allowAfter) {
    // Still here: remembered anew.
    if (!isTrial) await counters.add(networkKey(network), 0, rememberMs);
    return undefined;
  }
  if (isTrial) {
    const known = await counters.get(triplet);
    return known === undefined ? { waitMs: delayMs, isNew: true } : waitOf(known, now, delayMs);
  }
  const mine = String(now);
  const known = await counters.setIfAbsent(triplet, mine, windowMs);
  const wait = waitOf(known, now, delayMs);
  if (wait !== undefined) return { ...wait, isNew: known === mine };
  if (known !== proved && allowAfter > 0) await counters.add(networkKey(network), 1, rememberMs);
  await counters.set(triplet, proved, rememberMs);
  return undefined;
}

function waitOf(known: string, now: number, delayMs: number): Wait {
  if (known === proved) return undefined;
  // A clock that was set back must not make anybody wait longer than a new one would.
  const waitMs = Math.min(delayMs, Number(known) + delayMs - now);
  return waitMs > 0 ? { waitMs, isNew: false } : undefined;
}
