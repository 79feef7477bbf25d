/** From the hosts of a route to addresses that may be connected to, each with what the session must fulfil. */
import type { TlsPolicy, TlsSessionResult } from '@postroad/core';
import { type Candidate, Candidates } from './candidates.js';
import type { Deliverer } from './deliverer.js';
import type { SmtpRoute, Trouble } from './session-maker.js';
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
    if (route.transport === 'mx') options.noteTls(refusedResult(route.domain, target.host, security));
    options.note({ status: 'deferred', reply: security.refusal });
    return [];
  }
  return found.addresses.map((address) => ({ target, address, port: target.port, security }));
}

/** What the host must prove; only mail exchangers have policies of their own. */
async function securityFor({ host, port }: Target, options: FindOptions): Promise<Security | RefusedHost> {
  const { deliverer, route, tls, isRelaxed, signal } = options;
  if (route.transport !== 'mx' || tls === 'implicit' || isRelaxed) {
    return { tls, by: 'policy', names: [host] };
  }
  const { resolver, mtaSts, config } = deliverer;
  const of = { domain: route.domain, host, port, wished: tls };
  return await securityOf(of, { resolver, mtaSts, useDane: config.dane, signal });
}
