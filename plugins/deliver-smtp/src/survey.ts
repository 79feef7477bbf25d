/** What a delivery would find: hosts in order, their addresses, and how they must prove themselves. */
import { type Delivery, type Finding, formatReply } from '@postroad/core';
import type { Deliverer } from './deliverer.js';
import type { SmtpRoute } from './session-maker.js';
import { findAddresses, findTargets, type Target } from './targets.js';
import { securityOf } from './tls/security.js';

const source = 'deliver-smtp';

/** Looks everything up and connects to nobody. */
export async function survey(
  deliverer: Deliverer,
  delivery: Delivery,
  route: SmtpRoute,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const { resolver, random, config, ownNames } = deliverer;
  const { port, hostsMax } = config;
  const targets = await findTargets(route, { resolver, random, port, ownNames, hostsMax, signal });
  if (!('groups' in targets)) return [{ source, result: targets.status, text: formatReply(targets.reply) }];
  const findings: Finding[] = [];
  for (const target of targets.groups.flat()) {
    const text = await describeHost(deliverer, delivery, route, target, signal);
    findings.push({ source, result: `${target.host}:${target.port}`, text });
  }
  return findings;
}

async function describeHost(
  { resolver, config, mtaSts, reachability }: Deliverer,
  { egress }: Delivery,
  route: SmtpRoute,
  target: Target,
  signal: AbortSignal,
): Promise<string> {
  const { allowPrivateAddresses: allowPrivate, addressesMax } = config;
  const found = await findAddresses(target, { resolver, allowPrivate, addressesMax, signal });
  if (!('addresses' in found)) return formatReply(found.reply);
  const sorted = reachability.sort(found.addresses);
  const addresses = sorted.map((one) => (reachability.isFailing(one) ? `${one} (did not answer)` : one));
  const wished = egress.tls ?? route.tls ?? config.tls;
  if (route.transport !== 'mx' || wished === 'implicit') return `${addresses.join(' ')}, TLS ${wished}`;
  const { host, port } = target;
  const asked = { domain: route.domain, host, port, wished };
  const security = await securityOf(asked, { resolver, mtaSts, useDane: config.dane, signal });
  if ('refusal' in security) return `${addresses.join(' ')}, ${formatReply(security.refusal)}`;
  return `${addresses.join(' ')}, TLS ${security.tls} (${security.by})`;
}
