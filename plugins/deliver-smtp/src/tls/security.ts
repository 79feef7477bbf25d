/** How a mail exchanger must prove itself: by DANE (RFC 7672), by MTA-STS (RFC 8461), or as the configuration has it. */
import {
  type DnssecResolver,
  isMailError,
  type Reply,
  type Resolver,
  reply,
  type TlsaRecord,
  type TlsPolicy,
} from '@postroad/core';
import { usableTlsa } from './dane.js';
import type { MtaSts } from './mta-sts.js';
import { isStsHost, stsPolicyLines } from './mta-sts-policy.js';

/** What a session with a host must fulfil. */
export interface Security {
  readonly tls: Exclude<TlsPolicy, 'dane'> | 'implicit';
  /** The certificate must match one of these instead of a public authority's word. */
  readonly tlsa?: readonly TlsaRecord[];
  /** What decided: who asks for TLS of this kind. */
  readonly by: 'policy' | 'sts' | 'tlsa';
  /** The MTA-STS policy in lines. */
  readonly policyLines?: readonly string[];
  /** Names that the certificate may have. */
  readonly names: readonly string[];
  /** The policy is only tried out (RFC 8461 section 5): what breaks it is reported, and stops nothing. */
  readonly isTesting?: boolean;
  /** What is wrong with the policy itself, for reports (RFC 8460 section 4.3.2). */
  readonly policyFailure?: { readonly type: 'sts' | 'tlsa'; readonly failure: string };
}

/** A host that must not be used now, and whose policy says so. */
export interface RefusedHost {
  readonly refusal: Reply;
  readonly by: 'sts' | 'tlsa' | 'policy';
  readonly policyLines?: readonly string[];
  /** For reports (RFC 8460 section 4.3); by default what fits who refused. */
  readonly failure?: string;
}

/** What it is decided from. */
export interface SecurityOptions {
  readonly resolver: Resolver;
  readonly mtaSts: MtaSts | undefined;
  readonly useDane: boolean;
  readonly signal: AbortSignal;
}

/** The host to be asked, for one domain. */
export interface SecuredHost {
  readonly domain: string;
  readonly host: string;
  readonly port: number;
  /** What configuration, route and message ask for; the outcome is never less. */
  readonly wished: TlsPolicy;
}

/** Decides for one host; a reply when it must not be used now. */
export async function securityOf(of: SecuredHost, options: SecurityOptions): Promise<Security | RefusedHost> {
  if (of.wished === 'dane') return await requiredDane(of, options);
  const plain: Security = { tls: of.wished, by: 'policy', names: [of.host] };
  // Whoever switched TLS off for a destination has their reason.
  if (of.wished === 'none') return plain;
  const dane = options.useDane ? await daneOf(of, options) : undefined;
  if (dane !== undefined) return dane;
  const policy = await options.mtaSts?.policy(of.domain, options.signal);
  const failure = options.mtaSts?.failure(of.domain);
  const wrong = failure === undefined ? {} : { policyFailure: { type: 'sts', failure } as const };
  if (policy === undefined || policy.mode === 'none') return { ...plain, ...wrong };
  const policyLines = stsPolicyLines(policy);
  const isNamed = isStsHost(policy, of.host);
  if (policy.mode === 'testing') {
    const unnamed = isNamed
      ? wrong
      : { policyFailure: { type: 'sts', failure: 'validation-failure' } as const };
    return { ...plain, by: 'sts', policyLines, isTesting: true, ...unnamed };
  }
  // RFC 8461 section 4.1: a host that the policy does not name must not get the message.
  if (!isNamed)
    return {
      refusal: reply(451, '7.5', 'the policy of the domain (MTA-STS) does not name the server'),
      by: 'sts',
      policyLines,
    };
  return { tls: 'verified', by: 'sts', policyLines, names: [of.host], ...wrong };
}

/** Whoever wants DANE for a destination wants nothing less: neither MTA-STS nor TLS without proof takes its place. */
async function requiredDane(of: SecuredHost, options: SecurityOptions): Promise<Security | RefusedHost> {
  const dane = await daneOf(of, options);
  if (dane !== undefined && ('refusal' in dane || dane.tlsa !== undefined)) return dane;
  return {
    refusal: reply(451, '7.5', 'the server has no TLSA records (DANE) that it could prove itself by'),
    // RFC 8460 section 4.3.1: we require it, and there are none.
    by: 'policy',
    failure: 'dane-required',
  };
}

/** RFC 7672 section 2.2: TLSA records count only where MX, address and TLSA records are all signed. */
async function daneOf(
  of: SecuredHost,
  { resolver, signal }: SecurityOptions,
): Promise<Security | RefusedHost | undefined> {
  const { dnssec } = resolver;
  if (dnssec === undefined) return undefined;
  try {
    const exchangers = await dnssec.mx(of.domain, signal);
    if (!exchangers.isAuthentic) return undefined;
    for (const base of await baseDomains(of.host, dnssec, signal)) {
      const found = await dnssec.tlsa(`_${of.port}._tcp.${base}`, signal);
      if (!found.isAuthentic || found.records.length === 0) continue;
      return daneSecurity(of, base, usableTlsa(found.records));
    }
    return undefined;
  } catch (error) {
    if (!isMailError(error, 'E_DNS')) throw error;
    // RFC 7672 section 2.1.2: an answer that is withheld must not turn TLS off.
    return {
      refusal: reply(451, '7.5', 'how the server proves itself (DANE) can not be looked up for now'),
      by: 'tlsa',
    };
  }
}

function daneSecurity(of: SecuredHost, base: string, tlsa: readonly TlsaRecord[]): Security {
  // RFC 7672 section 3.2.2: the names that a certificate may have when an authority is named.
  const names = [...new Set([base, of.host, of.domain])];
  if (tlsa.length > 0) return { tls: 'verified', by: 'tlsa', tlsa, names };
  // RFC 7672 section 2.2: records that are there but not usable ask for TLS without proof.
  const tls = of.wished === 'verified' ? 'verified' : 'required';
  return { tls, by: 'tlsa', names, policyFailure: { type: 'tlsa', failure: 'tlsa-invalid' } };
}

const aliasesMax = 8;

/**
 * The names whose TLSA records count (RFC 7672 section 2.1.3): where the way to the address is signed, the name at the end
 * of the aliases and then the host's own; where it leads out of what is signed, the own name if its alias is signed.
 */
async function baseDomains(
  host: string,
  dnssec: DnssecResolver,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { isAuthentic } = await dnssec.addresses(host, signal);
  const first = await dnssec.alias?.(host, signal);
  const [target] = first?.records ?? [];
  if (target === undefined) return isAuthentic ? [host] : [];
  if (!isAuthentic) return first?.isAuthentic === true ? [host] : [];
  let end = target;
  for (let step = 1; step < aliasesMax; step++) {
    const [next] = (await dnssec.alias?.(end, signal))?.records ?? [];
    if (next === undefined) break;
    end = next;
  }
  return [end, host];
}
