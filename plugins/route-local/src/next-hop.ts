/** Where mail goes that leaves us: per-domain transports, the smarthost, or the domain's MX. */
import { domainKey, type HostRoute, type MxRoute } from '@postroad/core';
import type { HopOptions, RouteLocalConfig } from './options.js';

/** Next hops by domain. */
export interface NextHops {
  /** The transport written down for the domain, or for one above it; `undefined` when there is none. */
  transport(domain: string): HostRoute | undefined;
  /** Where the domain's mail goes. The mail of relay domains never goes to the smarthost: it would come back. */
  nextHop(domain: string): HostRoute | MxRoute;
}

/** Compiles the tables of the configuration. */
export function createNextHops(config: RouteLocalConfig): NextHops {
  const relayDomains = new Set(config.relayDomains.map(domainKey));
  const exact = new Map<string, HostRoute>();
  const below = new Map<string, HostRoute>();
  for (const [pattern, options] of Object.entries(config.transports)) {
    const route = hostRoute(options.protocol ?? 'smtp', options);
    if (pattern.startsWith('*.')) below.set(domainKey(pattern.slice(2)), route);
    else exact.set(domainKey(pattern), route);
  }
  const smarthost = config.smarthost === undefined ? undefined : hostRoute('smtp', config.smarthost);

  function transport(domain: string): HostRoute | undefined {
    const key = domainKey(domain);
    const route = exact.get(key);
    if (route !== undefined || below.size === 0) return route;
    for (let dot = key.indexOf('.'); dot >= 0; dot = key.indexOf('.', dot + 1)) {
      const above = below.get(key.slice(dot + 1));
      if (above !== undefined) return above;
    }
    return undefined;
  }

  return {
    transport,
    nextHop(domain) {
      const route = transport(domain);
      if (route !== undefined) return route;
      const mx: MxRoute = { transport: 'mx', domain };
      return smarthost === undefined || relayDomains.has(domainKey(domain)) ? mx : smarthost;
    },
  };
}

function hostRoute(transport: 'smtp' | 'lmtp', options: HopOptions): HostRoute {
  return {
    transport,
    host: options.host,
    port: options.port ?? (transport === 'smtp' ? 25 : 24),
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    ...(options.login === undefined ? {} : { login: options.login }),
    ...(options.password === undefined ? {} : { password: options.password }),
  };
}
