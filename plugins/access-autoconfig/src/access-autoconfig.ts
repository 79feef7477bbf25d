/** The plugin: tells clients how to set themselves up, other servers our MTA-STS policy, and the operator all records. */
import {
  Certificates,
  DkimKeys,
  definePlugin,
  domainKey,
  Listeners,
  MailError,
  optional,
  Resolver,
  WellKnownPages,
} from '@postroad/core';
import type { PageSource } from './answer.js';
import { checkRecords } from './check-records.js';
import { dnsCommands } from './commands.js';
import { wantedRecords } from './dns-records.js';
import { stsPolicy } from './mta-sts.js';
import { offersOf } from './offers.js';
import { config } from './options.js';
import { servePages } from './serve.js';

/** Everything is read off the ports that are open at the moment of the question. */
export const accessAutoconfig = definePlugin({
  name: 'access-autoconfig',
  description: 'Lets mail clients set themselves up, serves the MTA-STS policy, and knows every DNS record.',
  config,
  needs: {
    listeners: Listeners,
    certificates: Certificates,
    resolver: Resolver,
    pages: WellKnownPages,
    dkimKeys: optional(DkimKeys),
  },
  commands: dnsCommands,
  setup({ config, services, hostname, log, control, onStart }) {
    const { listeners, resolver, dkimKeys } = services;
    const host = config.host ?? hostname;
    const domains = new Set(config.domains.map(domainKey));
    const offers = () => offersOf(listeners.open(), config);
    const source: PageSource = {
      facts(domain) {
        if (!domains.has(domainKey(domain))) return undefined;
        return { domain, host, displayName: config.displayName ?? domain, offers: offers() };
      },
      policy: (domain) =>
        config.mtaSts !== undefined && domains.has(domainKey(domain))
          ? stsPolicy(config.mtaSts, host)
          : undefined,
    };
    onStart(async () => {
      const wanted = config.listeners.filter(({ tls }) => !tls || services.certificates.isAvailable);
      if (wanted.length < config.listeners.length)
        log.warn('without a certificate nothing is served over HTTPS');
      await servePages(listeners, wanted, { ...source, shared: (path) => services.pages.find(path) }, log);
    });
    control('records', async ({ domain, isChecked }, { signal }) => {
      const name = typeof domain === 'string' ? domainKey(domain) : '';
      if (!domains.has(name))
        throw new MailError('E_NOT_FOUND', `${domain} is none of the domains of access-autoconfig`);
      const keys = dkimKeys?.records(name) ?? [];
      const wanted = wantedRecords({ domain: name, host, offers: offers(), keys, config });
      return isChecked === true ? await checkRecords(wanted, resolver, signal) : wanted;
    });
  },
});
