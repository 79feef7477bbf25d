/** Whose connections a delivery may use: those of the site, or only those that were opened for the same domain. */
import type { Delivery, TlsPolicy } from '@postroad/core';
import type { NamedClient } from './client/name-client.js';
import type { Deliverer } from './deliverer.js';
import { isTlsNotRequired } from './delivery-facts.js';
import type { SmtpRoute } from './session-maker.js';

/** What a connection is made for, beside site and route. */
export interface ConnectionWish {
  readonly tls: TlsPolicy | 'implicit';
  readonly helloName: string;
  readonly client: NamedClient | undefined;
  readonly signal: AbortSignal;
}

/** `key` names everything that a connection was made for; `isRelaxed` when the sender sets the domain's policy aside. */
export async function findShared(
  deliverer: Deliverer,
  { egress, site, message }: Delivery,
  route: SmtpRoute,
  { tls, helloName, client, signal }: ConnectionWish,
): Promise<{ readonly key: string; readonly isRelaxed: boolean }> {
  const login = route.transport === 'mx' ? '' : (route.login ?? '');
  const who = [egress.sourceAddress ?? '', login, client?.address ?? '', client?.helloName ?? ''];
  let scope = '';
  let isRelaxed = false;
  if (route.transport === 'mx' && tls !== 'none' && (await deliverer.scopes.hasOwn(route.domain, signal))) {
    isRelaxed = isTlsNotRequired(message);
    scope = isRelaxed ? `${route.domain} relaxed` : route.domain;
  }
  // Who is vouched for is a matter of the domain too (RFC 8689 section 2).
  if (route.transport === 'mx' && message.parameters.requireTls) scope = `${route.domain} REQUIRETLS`;
  return { key: JSON.stringify([site, scope, tls, helloName, ...who]), isRelaxed };
}
