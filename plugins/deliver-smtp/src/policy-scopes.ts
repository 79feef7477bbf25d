/**
 * Whether a domain has a TLS policy of its own. Domains of one site share connections, but a connection that was opened
 * for one domain says nothing of what another asks for: with a policy (MTA-STS), or signed MX records (DANE), a domain
 * uses only connections that were opened for itself.
 */
import { type BoundedCache, boundedCache, type Clock, isMailError, type Resolver } from '@postroad/core';
import type { MtaSts } from './tls/mta-sts.js';

const entriesMax = 50_000;
const rememberedMs = 60_000;

/** What is asked. */
export interface PolicyScopesOptions {
  readonly resolver: Resolver;
  readonly clock: Clock;
  readonly mtaSts: MtaSts | undefined;
  readonly useDane: boolean;
}

/** The memory of one server. */
export class PolicyScopes {
  readonly #options: PolicyScopesOptions;
  readonly #known: BoundedCache<string, boolean>;

  constructor(options: PolicyScopesOptions) {
    this.#options = options;
    this.#known = boundedCache({ entriesMax, clock: options.clock });
  }

  /** What is not known for sure counts as a policy. */
  async hasOwn(domain: string, signal: AbortSignal): Promise<boolean> {
    const known = this.#known.get(domain);
    if (known !== undefined) return known;
    try {
      const hasOwn = await this.#find(domain, signal);
      this.#known.set(domain, hasOwn, rememberedMs);
      return hasOwn;
    } catch (error) {
      if (!isMailError(error, 'E_DNS')) throw error;
      return true;
    }
  }

  async #find(domain: string, signal: AbortSignal): Promise<boolean> {
    const { resolver, mtaSts, useDane } = this.#options;
    const exchangers = useDane ? await resolver.dnssec?.mx(domain, signal) : undefined;
    if (exchangers?.isAuthentic === true) return true;
    return (await mtaSts?.policy(domain, signal)) !== undefined;
  }
}
