/** The plugin `route-local`: which recipients are ours, who may send elsewhere, and where each message goes next. */
import {
  accept,
  Clock,
  type Connection,
  Directory,
  definePlugin,
  domainKey,
  formatAddress,
  type Refusal,
  Resolver,
  type Route,
  reject,
  type Verdict,
} from '@postroad/core';
import { expandRecipients } from './expand-recipients.js';
import { createLocalAddresses, type LocalAddresses } from './local-addresses.js';
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

    // Late: accepting ends the hook, and whoever has a reason to refuse is to be asked before.
    tap(
      'recipient',
      async (transaction, { address }, signal): Promise<Verdict> => {
        if (addresses.isLocal(address)) {
          const targets = await addresses.resolve(address);
          return targets.length > 0 ? accept() : reject(550, '1.1', 'no such user here');
        }
        if (relayDomains.has(domainKey(address.domain))) return accept();
        if (!mayRelay(transaction.connection, isTrustedAddress)) return reject(550, '7.1', 'relaying denied');
        const hasFixedHop = config.smarthost !== undefined || hops.transport(address.domain) !== undefined;
        if (hasFixedHop) return accept();
        return (await rejectUnreachable(address.domain, { ...services, log }, signal)) ?? accept();
      },
      { order: 'late' },
    );
    tap('expand', (_message, recipients) => expandRecipients(recipients, addresses));
    tap(
      'route',
      async (_envelope, { address }) => {
        if (!addresses.isLocal(address)) return hops.nextHop(address.domain);
        const route = await localRoute(addresses, hops, address);
        if (route !== undefined) return route;
        log.warn('recipient of a local domain is gone', { recipient: formatAddress(address) });
        return reject(550, '1.1', 'no such user here') as Refusal;
      },
      { order: 'late' },
    );
  },
});

/** Only who has proven who they are, or stands in a network that the operator has named. Loopback is no proof. */
function mayRelay(connection: Connection, isTrustedAddress: (address: string) => boolean): boolean {
  return connection.identity !== undefined || isTrustedAddress(connection.remoteAddress);
}

async function localRoute(
  addresses: LocalAddresses,
  hops: NextHops,
  address: Parameters<LocalAddresses['resolve']>[0],
): Promise<Route | undefined> {
  const targets = await addresses.resolve(address);
  const target = targets.find((candidate) => candidate.kind === 'account');
  if (target === undefined) return undefined;
  const transport = hops.transport(target.address.domain);
  if (transport !== undefined) return transport;
  return {
    transport: 'local',
    accountId: target.account.id,
    ...(target.detail === undefined ? {} : { detail: target.detail }),
  };
}
