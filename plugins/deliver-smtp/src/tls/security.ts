/** How a mail exchanger must prove itself: by DANE (RFC 7672), by MTA-STS (RFC 8461), or as the configuration has it. */
import {
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
  readonly tls: TlsPolicy | 'implicit';
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
  readonly by: 'sts' | 'tlsa';
  readonly policyLines?: readonly string[];
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
    if (!(await dnssec.addresses(of.host, signal)).isAuthentic) return undefined;
    const found = await dnssec.tlsa(`_${of.port}._tcp.${of.host}`, signal);
    if (!found.isAuthentic || found.records.length === 0) return undefined;
    const tlsa = usableTlsa(found.records);
    const names = [of.host, of.domain];
    // RFC 7672 section 2.2: records that are there but not usable ask for TLS without proof.
    if (tlsa.length === 0) {
      const tls = of.wished === 'verified' ? 'verified' : 'required';
      return { tls, by: 'tlsa', names, policyFailure: { type: 'tlsa', failure: 'tlsa-invalid' } };
    }
    return { tls: 'verified', by: 'tlsa', tlsa, names };
  } catch (error) {
    if (!isMailError(error, 'E_DNS')) throw error;
    // RFC 7672 section 2.1.2: an answer that is withheld must not turn TLS off.
    return {
      refusal: reply(451, '7.5', 'how the server proves itself (DANE) can not be looked up for now'),
      by: 'tlsa',
    };
  }
}
