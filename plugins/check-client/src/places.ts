/**
 * Places that all processes of the counters share, so many under a name. Each is a lease that is renewed: the places of a
 * process that was killed are free again soon, whatever goes on under their name meanwhile.
 */
import { type Clock, type Counters, type Logger, messageOf, type Timer } from '@postroad/core';

/** A place that was taken. Who took it gives it back. */
export interface Place {
  readonly key: string;
}

/** Takes and keeps places. */
export interface Places {
  /** A free one of so many; `undefined` when all are taken. Rejects when the counters can't be asked. */
  take(name: string, most: number): Promise<Place | undefined>;
  give(place: Place): Promise<void>;
  /** Renews nothing any more. */
  stop(): void;
}

/** What places are kept with. */
export interface PlacesOptions {
  readonly counters: Counters;
  readonly clock: Clock;
  readonly log: Pick<Logger, 'warn'>;
  /** The holder; unique to this run of the process. */
  readonly owner: string;
}

/** How long a place stays taken when nobody renews it. */
export const leaseMs = 90_000;
const renewMs = 30_000;

interface Held extends Place {
  readonly name: string;
  renewedAtMs: number;
}

/** No places are taken yet. */
export function createPlaces({ counters, clock, log, owner }: PlacesOptions): Places {
  const held = new Map<string, Held>();
  /** Keys that are being asked for: of two connections that come at once each asks for its own. */
  const asked = new Set<string>();
  /** Where to look first: behind the places that this process has under the name already. */
  const counts = new Map<string, number>();
  let timer: Timer | undefined;

  const count = (name: string, change: 1 | -1): void => {
    const now = (counts.get(name) ?? 0) + change;
    if (now === 0) counts.delete(name);
    else counts.set(name, now);
  };

  /** What has run out while this process stood still may be another's by now: it is asked for, not taken. */
  async function renew(place: Held, nowMs: number): Promise<void> {
    const isOurs = nowMs - place.renewedAtMs < leaseMs;
    if (isOurs) await counters.set(place.key, owner, leaseMs);
    else if ((await counters.setIfAbsent(place.key, owner, leaseMs)) !== owner) return;
    place.renewedAtMs = nowMs;
    // It was given back while it was renewed: then nobody has it.
    if (!held.has(place.key) && !asked.has(place.key)) await counters.delete(place.key);
  }

  async function renewAll(): Promise<void> {
    const nowMs = clock.monotonic();
    try {
      for (const place of held.values()) await renew(place, nowMs);
    } catch (error) {
      log.warn('places of connections could not be renewed', { places: held.size, error: messageOf(error) });
    }
    // It is set anew only now: slow counters are not asked by two rounds at once.
    timer = held.size === 0 ? undefined : clock.after(renewMs, () => void renewAll());
  }

  return {
    async take(name, most) {
      const first = counts.get(name) ?? 0;
      for (let tried = 0; tried < most; tried++) {
        const key = `${name}:${(first + tried) % most}`;
        if (held.has(key) || asked.has(key)) continue;
        asked.add(key);
        try {
          const renewedAtMs = clock.monotonic();
          if ((await counters.setIfAbsent(key, owner, leaseMs)) !== owner) continue;
          const place: Held = { key, name, renewedAtMs };
          held.set(key, place);
          count(name, 1);
          timer ??= clock.after(renewMs, () => void renewAll());
          return place;
        } finally {
          asked.delete(key);
        }
      }
      return undefined;
    },
    async give(place) {
      const mine = place as Held;
      if (held.get(mine.key) !== mine) return;
      held.delete(mine.key);
      count(mine.name, -1);
      // Another may have it by now: then it is not ours to give.
      if (clock.monotonic() - mine.renewedAtMs < leaseMs) await counters.delete(mine.key);
    },
    stop() {
      timer?.cancel();
    },
  };
}
