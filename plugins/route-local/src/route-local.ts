/** The plugin `route-local`: which recipients are ours, who may send elsewhere, and where each message goes next. */
import {
  accept,
  Clock,
  type Connection,
  Directory,
  definePlugin,
  domainKey,
  formatAddress,
  isThenable,
  type MailAddress,
  type Refusal,
  Resolver,
  type Route,
  reject,
  type Verdict,
} from '@postroad/core';
import { expandRecipients } from './expand-recipients.js';
import { createLocalAddresses, type Target } from './local-addresses.js';
import { createNextHops, type NextHops } from './next-hop.js';
import { networkTest, routeLocalSchema } from './options.js';
import { rejectUnreachable } from './reachable-domain.js';

/** Answers `recipient`, `expand` and `route` from local domains, aliases, transports and MX. */
export const routeLocal = definePlugin({
  name: 'route-local',
  description: 'Local domains, aliases, transports, smarthost and MX.',
  config: routeLocalSchema,
  needs: { directory: Directory, resolver: Resolver, clock: Clock },
  setup({ config, services, tap, log }) {
    const addresses = createLocalAddresses(config, services.directory, log);
    const hops = createNextHops(config);
    const relayDomains = new Set(config.relayDomains.map(domainKey));
    const isTrustedAddress = networkTest(config.relayNetworks);

    const verdictOf = (targets: readonly Target[]): Verdict =>
      targets.length > 0 ? accept() : reject(550, '1.1', 'no such user here');

    async function relay(connection: Connection, domain: string, signal: AbortSignal): Promise<Verdict> {
      if (relayDomains.has(domainKey(domain))) return accept();
      if (!mayRelay(connection, isTrustedAddress)) return reject(550, '7.1', 'relaying denied');
      const hasFixedHop = config.smarthost !== undefined || hops.transport(domain) !== undefined;
      if (hasFixedHop) return accept();
      return (await rejectUnreachable(domain, { ...services, log }, signal)) ?? accept();
    }

    function localRoute(address: MailAddress, targets: readonly Target[]): Route | Refusal {
      const target = targets.find((candidate) => candidate.kind === 'account');
      if (target !== undefined) return routeTo(target, hops);
      log.warn('recipient of a local domain is gone', { recipient: formatAddress(address) });
      return reject(550, '1.1', 'no such user here');
    }

    // Late: accepting ends the hook, and whoever has a reason to refuse is to be asked before.
    tap(
      'recipient',
      ({ connection }, { address }, signal) => {
        if (!addresses.isLocal(address)) return relay(connection, address.domain, signal);
        const targets = addresses.resolve(address);
        return isThenable(targets) ? targets.then(verdictOf) : verdictOf(targets);
      },
      { order: 'late' },
    );
    tap('expand', (_message, recipients) => expandRecipients(recipients, addresses));
    tap(
      'route',
      (_envelope, { address }) => {
        if (!addresses.isLocal(address)) return hops.nextHop(address.domain);
        const targets = addresses.resolve(address);
        return isThenable(targets)
          ? targets.then((found) => localRoute(address, found))
          : localRoute(address, targets);
      },
      { order: 'late' },
    );
  },
});

/** Only who has proven who they are, or stands in a network that the operator has named. Loopback is no proof. */
function mayRelay(connection: Connection, isTrustedAddress: (address: string) => boolean): boolean {
  return connection.identity !== undefined || isTrustedAddress(connection.remoteAddress);
}

function routeTo(target: Target & { readonly kind: 'account' }, hops: NextHops): Route {
  const transport = hops.transport(target.address.domain);
  if (transport !== undefined) return transport;
  return {
    transport: 'local',
    accountId: target.account.id,
    ...(target.detail === undefined ? {} : { detail: target.detail }),
  };
}
