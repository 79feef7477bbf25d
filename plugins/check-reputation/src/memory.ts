/**
 * The memory of reputations, in the counters. Of each identity two sums are kept: how much was seen, and how bad it was,
 * from -1 to 1 each. Both decay: what is added is larger the later it comes, by a factor that doubles with each half-life,
 * so that only sums need to be kept, adding is all that happens to them, and any number of processes may add.
 */
import type { Clock, Counters } from '@postroad/core';
import type { Identity } from './identities.js';
import type { CheckReputationConfig } from './options.js';

/** What is known of an identity. */
export interface Reputation {
  /** From -1 (has only sent what is wanted) to 1 (only spam), nearer to 0 the less is known. */
  readonly value: number;
  /** Messages seen, those of long ago counting less. */
  readonly seen: number;
}

/** Who a remembered message came from, and what was learnt from users about it. */
export interface Origin {
  readonly identities: readonly Identity[];
  readonly moved?: 'spam' | 'ham';
}

/** What it works with. */
export interface MemoryParts {
  readonly counters: Counters;
  readonly clock: Clock;
  readonly config: CheckReputationConfig;
}

const prefix = 'check-reputation:';
/** Half-lives after which the factor begins at 1 again, long before it leaves what a number can hold. */
const eraHalfLives = 512;
/** Half-lives after which nothing is left worth keeping. */
const lastingHalfLives = 8;
/** Half-lives of a new era in which the one before still counts. */
const overlapHalfLives = 8;

/** See the file's comment. All methods reject when the counters fail. */
export class Memory {
  readonly #counters: Counters;
  readonly #clock: Clock;
  readonly #config: CheckReputationConfig;

  constructor({ counters, clock, config }: MemoryParts) {
    this.#counters = counters;
    this.#clock = clock;
    this.#config = config;
  }

  async reputation(identity: Identity): Promise<Reputation> {
    const { halfLifeMs, strength } = this.#config;
    const age = this.#clock.now() / halfLifeMs;
    const era = Math.floor(age / eraHalfLives);
    const eras = age - era * eraHalfLives < overlapHalfLives ? [era, era - 1] : [era];
    let [seen, bad] = [0, 0];
    for (const one of eras) {
      const factor = 2 ** (one * eraHalfLives - age);
      const [all, worse] = await Promise.all([
        this.#counters.get(this.#key('seen', identity, one)),
        this.#counters.get(this.#key('bad', identity, one)),
      ]);
      seen += numberOf(all) * factor;
      bad += numberOf(worse) * factor;
    }
    seen = Math.max(0, seen);
    const value = Math.max(-1, Math.min(1, bad / (seen + strength)));
    return { value, seen };
  }

  /** Adds a sighting: `mark` from -1 to 1, counting as `weight` messages. */
  async add(identities: readonly Identity[], mark: number, weight: number): Promise<void> {
    const { halfLifeMs } = this.#config;
    const age = this.#clock.now() / halfLifeMs;
    const era = Math.floor(age / eraHalfLives);
    const amount = weight * 2 ** (age - era * eraHalfLives);
    const ttlMs = halfLifeMs * lastingHalfLives;
    await Promise.all(
      identities.flatMap((identity) => [
        this.#counters.add(this.#key('seen', identity, era), amount, ttlMs),
        this.#counters.add(this.#key('bad', identity, era), amount * mark, ttlMs),
      ]),
    );
  }

  async forget(identity: Identity): Promise<boolean> {
    const era = Math.floor(this.#clock.now() / this.#config.halfLifeMs / eraHalfLives);
    let isKnown = false;
    for (const one of [era, era - 1]) {
      for (const sum of ['seen', 'bad'] as const)
        isKnown = (await this.#counters.delete(this.#key(sum, identity, one))) || isKnown;
    }
    return isKnown;
  }

  /** Remembers who a message came from. */
  async keep(messageId: string, origin: Origin): Promise<void> {
    await this.#counters.set(`${prefix}of:${messageId}`, JSON.stringify(origin), this.#config.rememberMs);
  }

  async origin(messageId: string): Promise<Origin | undefined> {
    const text = await this.#counters.get(`${prefix}of:${messageId}`);
    return text === undefined ? undefined : (JSON.parse(text) as Origin);
  }

  /** What another half-life has left is of no use to this one. */
  #key(sum: 'seen' | 'bad', { kind, value }: Identity, era: number): string {
    return `${prefix}${sum}:${this.#config.halfLifeMs}:${era}:${kind}:${value}`;
  }
}

function numberOf(text: string | undefined): number {
  const value = Number(text ?? 0);
  return Number.isFinite(value) ? value : 0;
}
