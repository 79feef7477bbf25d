/**
 * Names for the servers behind domains: domains with the same mail exchangers, in the same order of preference, are one
 * site, however many they are. A name is remembered for a minute, so that a domain that moves soon is at its new site.
 */
import { createHash } from 'node:crypto';
import { type BoundedCache, boundedCache, type Clock, type MxRecord, type Resolver } from '@postroad/core';

const entriesMax = 50_000;
const rememberedMs = 60_000;
/** A domain whose servers are not found in this time is a site of its own until they are. */
const waitMsMax = 2_000;
const unknownMs = 15_000;
/** Longer names are cut, and told apart by a digest. */
const lengthMax = 160;

/** What names are made from. */
export interface SiteNamesOptions {
  readonly resolver: Resolver;
  readonly clock: Clock;
}

/** The memory of one server. */
export class SiteNames {
  readonly #options: SiteNamesOptions;
  /** `''` for a domain that is a site of its own. */
  readonly #known: BoundedCache<string, string>;
  readonly #pending = new Map<string, Promise<string>>();

  constructor(options: SiteNamesOptions) {
    this.#options = options;
    this.#known = boundedCache({ entriesMax, clock: options.clock });
  }

  /** The name of a domain's servers; `undefined` when it is a site of its own. Never rejects. */
  of(domain: string): string | undefined | Promise<string | undefined> {
    const known = this.#known.get(domain);
    if (known !== undefined) return known === '' ? undefined : known;
    let pending = this.#pending.get(domain);
    if (pending === undefined) {
      pending = this.#find(domain).finally(() => this.#pending.delete(domain));
      this.#pending.set(domain, pending);
    }
    return pending.then((name) => (name === '' ? undefined : name));
  }

  async #find(domain: string): Promise<string> {
    const stop = new AbortController();
    const timer = this.#options.clock.after(waitMsMax, () => stop.abort(new Error('no answer in time')));
    try {
      const name = siteName(await this.#options.resolver.mx(domain, stop.signal)) ?? '';
      this.#known.set(domain, name, rememberedMs);
      return name;
    } catch {
      // Whatever it is, the delivery will find it too, and tell of it.
      this.#known.set(domain, '', unknownMs);
      return '';
    } finally {
      timer.cancel();
    }
  }
}

/**
 * Better servers before a comma, equal ones joined by a plus: `mx:a.example+b.example,backup.example`. Without mail
 * exchangers, or with a null MX (RFC 7505), there is none.
 */
export function siteName(records: readonly MxRecord[]): string | undefined {
  const ranks = new Map<number, Set<string>>();
  for (const { preference, exchange } of records) {
    if (exchange === '' || exchange === '.') return undefined;
    const rank = ranks.get(preference) ?? new Set();
    ranks.set(preference, rank.add(exchange.toLowerCase()));
  }
  if (ranks.size === 0) return undefined;
  const sorted = [...ranks].sort(([a], [b]) => a - b).map(([, hosts]) => [...hosts].sort().join('+'));
  const name = sorted.join(',');
  if (name.length <= lengthMax) return `mx:${name}`;
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 16);
  return `mx:${name.slice(0, lengthMax - 20)}...${digest}`;
}
