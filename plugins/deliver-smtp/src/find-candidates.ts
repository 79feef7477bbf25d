/** From the hosts of a route to addresses that may be connected to, each with what the session must fulfil. */
import { isMailError, reply, type TlsPolicy, type TlsSessionResult } from '@postroad/core';
import { type Candidate, Candidates } from './candidates.js';
import type { Deliverer } from './deliverer.js';
import type { Trouble } from './opened.js';
import type { SmtpRoute } from './session-maker.js';
import { findAddresses, type Target } from './targets.js';
import { type RefusedHost, type Security, securityOf } from './tls/security.js';
import { refusedResult } from './tls/session-result.js';

/** What finding them depends on. */
export interface FindOptions {
  readonly deliverer: Deliverer;
  readonly route: SmtpRoute;
  readonly tls: TlsPolicy | 'implicit';
  /** The sender wants it delivered whatever the domain asks for (RFC 8689 section 5, TLS-Required: No). */
  readonly isRelaxed: boolean;
  /** The sender wants it protected all the way (REQUIRETLS). */
  readonly isTlsRequired: boolean;
  /** An address that has said already that it does not want it for now. */
  readonly exceptAddress: string | undefined;
  readonly signal: AbortSignal;
  /** Told why a host can't be used. */
  note(trouble: Trouble): void;
  noteTls(result: TlsSessionResult): void;
}

/** The candidates of these hosts; nothing is looked up before they are asked for. */
export function findCandidates(groups: readonly (readonly Target[])[], options: FindOptions): Candidates {
  const { reachability } = options.deliverer;
  return new Candidates({
    groups,
    lookUp: (target) => lookUp(target, options),
    isFailing: (address) => reachability.isFailing(address),
  });
}

async function lookUp(target: Target, options: FindOptions): Promise<readonly Candidate[]> {
  const { deliverer, route, signal } = options;
  const { resolver, config } = deliverer;
  const { allowPrivateAddresses: allowPrivate, addressesMax } = config;
  const found = await findAddresses(target, { resolver, allowPrivate, addressesMax, signal });
  if (!('addresses' in found)) {
    options.note(found);
    return [];
  }
  const security = await securityFor(target, options);
  if ('refusal' in security) {
    const isOfPolicy = route.transport === 'mx' && security.refusal !== unvouched;
    if (isOfPolicy) options.noteTls(refusedResult(route.domain, target.host, security));
    const status = security.refusal.code >= 500 ? 'failed' : 'deferred';
    options.note({ status, reply: security.refusal });
    return [];
  }
  return found.addresses
    .filter((address) => address !== options.exceptAddress)
    .map((address) => ({ target, address, port: target.port, security }));
}

/** What the host must prove; only mail exchangers have policies of their own. */
async function securityFor(target: Target, options: FindOptions): Promise<Security | RefusedHost> {
  const { deliverer, route, tls, isRelaxed, isTlsRequired, signal } = options;
  const { host, port } = target;
  // Only mail exchangers have TLSA records to be found by; a host that the configuration names has its certificate.
  if (route.transport !== 'mx')
    return { tls: tls === 'dane' ? 'verified' : tls, by: 'policy', names: [host] };
  if (tls === 'implicit' || (isRelaxed && tls !== 'dane')) return { tls, by: 'policy', names: [host] };
  const { resolver, mtaSts, config } = deliverer;
  const of = { domain: route.domain, host, port, wished: tls };
  const security = await securityOf(of, { resolver, mtaSts, useDane: config.dane, signal });
  if (!isTlsRequired || 'refusal' in security || target.isImplicit === true) return security;
  return (await isVouchedFor(security, route.domain, options)) ? security : { refusal: unvouched, by: 'sts' };
}

/** RFC 8689 section 2: DNSSEC or an MTA-STS policy must say that the host is the domain's. */
async function isVouchedFor(
  security: Security,
  domain: string,
  { deliverer: { resolver }, signal }: FindOptions,
): Promise<boolean> {
  if (security.by !== 'policy' && security.isTesting !== true) return true;
  try {
    return (await resolver.dnssec?.mx(domain, signal))?.isAuthentic === true;
  } catch (error) {
    if (!isMailError(error, 'E_DNS')) throw error;
    return false;
  }
}

const unvouched = reply(
  550,
  '7.30',
  'nothing vouches for the mail exchangers of the domain, which the sender requires with TLS',
);
