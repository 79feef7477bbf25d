/** How many deliveries may use a site at once from one source, and how often a new connection may be made. */
import { type BoundedCache, boundedCache, type Clock, type EgressPolicy } from '@postroad/core';

/** How long a delivery waits for its turn here; longer waits are the queue's. */
const waitMsMax = 5_000;
/** How long a delivery is put off that found no turn. */
const putOffMs = 10_000;
const entriesMax = 20_000;

/** A turn that was given, or when to come again. */
export type Turn = { readonly leave: () => void } | { readonly postponedUntilMs: number };

interface Seats {
  taken: number;
  readonly waiting: Set<() => void>;
}

/** The memory of one server. */
export class ConnectionLimits {
  readonly #clock: Clock;
  readonly #seats = new Map<string, Seats>();
  /** When connections made so far are used up at the steady rate, by source and site. */
  readonly #usedUntilMs: BoundedCache<string, number>;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#usedUntilMs = boundedCache({ entriesMax, clock });
  }

  /** A place among the deliveries of the site; who gets one must leave it. */
  async enter(key: string, max: number | undefined, signal: AbortSignal): Promise<Turn> {
    if (max === undefined) return { leave: () => {} };
    const seats = this.#seats.get(key) ?? { taken: 0, waiting: new Set() };
    this.#seats.set(key, seats);
    if (seats.taken < max) seats.taken++;
    else if (!(await this.#waitForSeat(seats, signal)))
      return { postponedUntilMs: this.#clock.now() + putOffMs };
    return { leave: () => this.#leave(key, seats) };
  }

  /** Waits until a new connection may be made; a moment when that is too long from now. */
  async connect(
    key: string,
    rate: EgressPolicy['connectionRate'],
    signal: AbortSignal,
  ): Promise<{ readonly postponedUntilMs: number } | undefined> {
    if (rate === undefined) return undefined;
    const nowMs = this.#clock.now();
    const intervalMs = rate.perMs / rate.count;
    const usedUntilMs = this.#usedUntilMs.get(key) ?? nowMs;
    const atMs = Math.max(nowMs, usedUntilMs - intervalMs * (Math.max(1, rate.burst ?? rate.count) - 1));
    if (atMs - nowMs > waitMsMax) return { postponedUntilMs: Math.ceil(atMs) };
    this.#usedUntilMs.set(key, Math.max(nowMs, usedUntilMs) + intervalMs, rate.perMs * 2);
    if (atMs > nowMs) await this.#clock.sleep(atMs - nowMs, signal);
    return undefined;
  }

  /** Whether a seat was left in time: it is then the waiter's already, so that nobody else can take it first. */
  #waitForSeat(seats: Seats, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (isFree: boolean) => {
        timer.cancel();
        seats.waiting.delete(wake);
        signal.removeEventListener('abort', giveUp);
        resolve(isFree);
      };
      const wake = () => end(true);
      const giveUp = () => end(false);
      const timer = this.#clock.after(waitMsMax, giveUp);
      seats.waiting.add(wake);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  #leave(key: string, seats: Seats): void {
    const [next] = seats.waiting;
    if (next !== undefined) {
      next();
      return;
    }
    seats.taken--;
    if (seats.taken === 0) this.#seats.delete(key);
  }
}
