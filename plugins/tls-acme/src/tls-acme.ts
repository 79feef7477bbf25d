/** The plugin: certificates that look after themselves, for every listener of the server. */
import { join } from 'node:path';
import {
  Certificates,
  Clock,
  definePlugin,
  Listeners,
  messageOf,
  Random,
  WellKnownPages,
} from '@postroad/core';
import { CertificateKeeper } from './certificate-keeper.js';
import { alpnChallenge, type Challenge, dnsChallenge, httpChallenge, proofFor } from './challenges.js';
import { config, type WantedCertificate } from './options.js';
import { makeOnce, readOrNothing } from './pair-files.js';

/** Provides the certificates of all listeners; the `tls` of the server's own configuration is not asked then. */
export const tlsAcme = definePlugin({
  name: 'tls-acme',
  description: 'Certificates by ACME and from files, renewed and swapped without losing a connection.',
  config,
  needs: { clock: Clock, random: Random, listeners: Listeners, pages: WellKnownPages },
  provides: [Certificates],
  setup({ config, services, hostname, log, provide, onStart, defer }) {
    const { clock, random, listeners, pages } = services;
    const challenges = new Map<WantedCertificate['challenge'], Challenge>();
    const stop = new AbortController();
    let running: Promise<void> = Promise.resolve();
    const keeper = new CertificateKeeper({
      config,
      hostname,
      clock,
      random,
      log,
      async issue(wanted, signal) {
        // Loaded when the first certificate is due: most starts have all they need.
        const { issueCertificate, newAccountKey, trustAcmeCa } = await import('./issue.js');
        if (config.caFile !== undefined) await trustAcmeCa(config.caFile);
        // An account belongs to one server: another one gets another key.
        const account = join(
          config.directory,
          'accounts',
          new URL(config.directoryUrl).host.replace(/[^\w.-]/g, '_'),
        );
        const accountKey = await makeOnce(`${account}.pem`, newAccountKey);
        const challenge = challenges.get(wanted.challenge);
        if (challenge === undefined) throw new Error(`nothing answers ${wanted.challenge}`);
        const { directoryUrl, email } = config;
        const accountUrl = await readOrNothing(`${account}.url`);
        const keepAccountUrl = async (url: string) =>
          void (await makeOnce(`${account}.url`, () => Buffer.from(url)));
        const options = { directoryUrl, email, accountKey, accountUrl, challenge, keepAccountUrl };
        return await issueCertificate(wanted, options, signal);
      },
    });
    const kinds = new Set(config.certificates.map(({ challenge }) => challenge));
    provide(Certificates, {
      isAvailable: true,
      context: (name) => keeper.context(name),
      ...(kinds.has('tls-alpn-01') ? { proof: (name) => proofFor(config.directory, name) } : {}),
    });
    onStart(async () => {
      await keeper.refresh();
      if (kinds.has('http-01')) challenges.set('http-01', await httpChallenge(listeners, pages, config));
      if (kinds.has('tls-alpn-01')) challenges.set('tls-alpn-01', await alpnChallenge(listeners, config));
      if (kinds.has('dns-01')) challenges.set('dns-01', dnsChallenge(clock, config));
      running = (async () => {
        while (!stop.signal.aborted) {
          try {
            await clock.sleep(config.checkMs, stop.signal);
            await keeper.refresh();
            await keeper.renew(stop.signal);
          } catch (error) {
            if (!stop.signal.aborted)
              log.error('certificates could not be looked after', { reason: messageOf(error), error });
          }
        }
      })();
    });
    defer(async () => {
      stop.abort();
      await running;
    });
  },
});
