/** The MTA-STS policies of other domains: found, fetched, remembered (RFC 8461 sections 3.3 and 5.1). */
import {
  type BoundedCache,
  boundedCache,
  type Clock,
  isMailError,
  type Logger,
  type Resolver,
} from '@postroad/core';
import { type MtaStsPolicy, parseStsPolicy, parseStsRecord } from './mta-sts-policy.js';
import type { StsPolicyFile } from './sts-policy-file.js';

/** Gets the text of a policy; rejects when it can not be had. */
export type FetchStsPolicy = (domain: string, signal: AbortSignal) => Promise<string>;

/** Why a policy could not be had, in the words of RFC 8460 section 4.3.2.2. */
export type StsFailure = 'sts-policy-fetch-error' | 'sts-policy-invalid' | 'sts-webpki-invalid';

/** What finding policies needs. */
export interface MtaStsOptions {
  readonly resolver: Resolver;
  readonly clock: Clock;
  readonly log: Logger;
  readonly fetchPolicy: FetchStsPolicy;
  /** Where policies are kept over restarts; only in memory by default. */
  readonly file?: StsPolicyFile | undefined;
}

interface Known {
  readonly id: string;
  readonly policy: MtaStsPolicy;
  readonly fetchedAtMs: number;
  /** When mail was last sent by it: what nobody uses is not kept fresh. */
  usedAtMs: number;
}

const entriesMax = 10_000;
/** RFC 8461 section 3.3: after a failure the policy is not asked for again at once. */
const retryMs = 300_000;
/**
 * RFC 8461 section 3.3: policies are fetched again well before they end, so that who can stop the fetch for a while can not
 * make them go. Once a day, or when half of a shorter age is over.
 */
const refreshMsMax = 86_400_000;
/** A policy by which no mail was sent for so long is left to end. */
const unusedMsMax = 31 * 86_400_000;

/** The memory of one server. */
export class MtaSts {
  readonly #options: MtaStsOptions;
  readonly #known: BoundedCache<string, Known>;
  readonly #failed: BoundedCache<string, { readonly id: string; readonly failure: StsFailure }>;

  constructor(options: MtaStsOptions) {
    this.#options = options;
    this.#known = boundedCache({ entriesMax, clock: options.clock });
    this.#failed = boundedCache({ entriesMax, clock: options.clock });
  }

  /** Takes over what was kept. */
  async start(): Promise<void> {
    const nowMs = this.#options.clock.now();
    for (const { domain, id, policy, untilMs } of (await this.#options.file?.read(nowMs)) ?? []) {
      const fetchedAtMs = untilMs - policy.maxAgeMs;
      this.#known.set(domain, { id, policy, fetchedAtMs, usedAtMs: nowMs }, untilMs - nowMs);
    }
  }

  /**
   * The policy of a domain. One that was fetched once holds for its age, whatever becomes of DNS and web server
   * meanwhile: otherwise whoever can stop an answer could stop TLS.
   */
  async policy(domain: string, signal: AbortSignal): Promise<MtaStsPolicy | undefined> {
    const known = this.#known.get(domain);
    if (known !== undefined) known.usedAtMs = this.#options.clock.now();
    const id = await this.#announced(domain, signal);
    if (id === undefined || id === known?.id || this.#failed.get(domain)?.id === id) return known?.policy;
    return await this.#fetch(domain, id, known, signal);
  }

  /**
   * Fetches what is in use and no longer young again, one after another. A domain that announces nothing any more is not
   * asked: its policy holds for its age. Resolves with how many were looked at; rejects when the signal aborts.
   */
  async refresh(signal: AbortSignal): Promise<number> {
    let refreshed = 0;
    for (const domain of [...this.#known.keys()]) {
      signal.throwIfAborted();
      const nowMs = this.#options.clock.now();
      const known = this.#known.get(domain);
      if (known === undefined || nowMs - known.usedAtMs > unusedMsMax) continue;
      if (nowMs - known.fetchedAtMs < Math.min(refreshMsMax, known.policy.maxAgeMs / 2)) continue;
      if (this.#failed.get(domain) !== undefined) continue;
      refreshed++;
      const id = await this.#announced(domain, signal);
      if (id !== undefined) await this.#fetch(domain, id, known, signal);
    }
    return refreshed;
  }

  async #fetch(
    domain: string,
    id: string,
    known: Known | undefined,
    signal: AbortSignal,
  ): Promise<MtaStsPolicy | undefined> {
    const { clock, file, fetchPolicy } = this.#options;
    try {
      const policy = parseStsPolicy(await fetchPolicy(domain, signal));
      if (policy === undefined) {
        this.#fail(domain, id, 'sts-policy-invalid');
        return known?.policy;
      }
      this.#failed.delete(domain);
      const fetchedAtMs = clock.now();
      const usedAtMs = known?.usedAtMs ?? fetchedAtMs;
      this.#known.set(domain, { id, policy, fetchedAtMs, usedAtMs }, policy.maxAgeMs);
      await file?.add({ domain, id, policy, untilMs: fetchedAtMs + policy.maxAgeMs }, fetchedAtMs);
      return policy;
    } catch (error) {
      signal.throwIfAborted();
      this.#fail(
        domain,
        id,
        isCertificateError(error) ? 'sts-webpki-invalid' : 'sts-policy-fetch-error',
        error,
      );
      return known?.policy;
    }
  }

  /** Why the policy that a domain announces could not be had lately. */
  failure(domain: string): StsFailure | undefined {
    return this.#failed.get(domain)?.failure;
  }

  #fail(domain: string, id: string, failure: StsFailure, error?: unknown): void {
    this.#options.log.info('an MTA-STS policy could not be fetched', { domain, failure, error });
    this.#failed.set(domain, { id, failure }, retryMs);
  }

  async #announced(domain: string, signal: AbortSignal): Promise<string | undefined> {
    try {
      return parseStsRecord(await this.#options.resolver.txt(`_mta-sts.${domain}`, signal));
    } catch (error) {
      // RFC 8461 section 3.1: no record now is as no new policy; what is known still holds.
      if (!isMailError(error, 'E_DNS')) throw error;
      return undefined;
    }
  }
}

/** The codes that Node.js gives to certificates that it does not trust. */
function isCertificateError(error: unknown): boolean {
  const code = String((error as { readonly code?: unknown } | undefined)?.code ?? '');
  return /CERT|SELF_SIGNED|UNABLE_TO_(?:GET|VERIFY|DECODE)|INVALID_(?:CA|PURPOSE)/.test(code);
}
