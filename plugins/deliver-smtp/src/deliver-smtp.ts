/** The plugin: mail to other hosts over SMTP and LMTP. */
import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContext } from 'node:tls';
import { Clock, definePlugin, MailError, optional, Random, Resigner, Resolver } from '@postroad/core';
import { config, type DeliverSmtpConfig } from './config.js';
import { ConnectionLimits } from './connection-limits.js';
import { ConnectionPool } from './connection-pool.js';
import type { Deliverer } from './deliverer.js';
import { deliver } from './delivery.js';
import { PolicyScopes } from './policy-scopes.js';
import { Reachability } from './reachability.js';
import { SiteNames } from './site-names.js';
import { survey } from './survey.js';
import { createStsFetch } from './tls/fetch-sts-policy.js';
import { MtaSts } from './tls/mta-sts.js';
import { StsPolicyFile } from './tls/sts-policy-file.js';

/** How long a policy may take to come: mail is waiting for it. */
const stsTimeoutMs = 20_000;

/** Delivers to mail exchangers (transport `mx`), smarthosts (`smtp`) and LMTP servers (`lmtp`). */
export const deliverSmtp = definePlugin({
  name: 'deliver-smtp',
  description: 'Delivers to other hosts over SMTP and LMTP.',
  config,
  needs: { resolver: Resolver, clock: Clock, random: Random, resigner: optional(Resigner) },
  setup({ config, services, hostname, log, metrics, tap, onStart, onDrain, defer }) {
    const { resolver, clock, random, resigner } = services;
    const pool = new ConnectionPool(config.reuse, clock);
    const { allowPrivateAddresses } = config;
    const timeoutMs = stsTimeoutMs;
    const help = 'Connections to other servers';
    let secureContext: SecureContext | undefined;
    const mtaSts = config.mtaSts
      ? new MtaSts({
          resolver,
          clock,
          log,
          file: config.mtaStsFile === undefined ? undefined : new StsPolicyFile(config.mtaStsFile, log),
          fetchPolicy: createStsFetch({ resolver, clock, allowPrivateAddresses, timeoutMs }),
        })
      : undefined;
    const deliverer: Deliverer = {
      config,
      hostname,
      ownNames: new Set([hostname.toLowerCase(), ...config.ownNames]),
      resolver,
      clock,
      random,
      log,
      pool,
      limits: new ConnectionLimits(clock),
      reachability: new Reachability(clock),
      scopes: new PolicyScopes({ resolver, clock, mtaSts, useDane: config.dane }),
      sites: new SiteNames({ resolver, clock }),
      mtaSts,
      resigner,
      get secureContext() {
        secureContext ??= makeSecureContext(config);
        return secureContext;
      },
      counters: {
        opened: metrics.counter('deliver_smtp_connections_total', help, { how: 'opened' }),
        reused: metrics.counter('deliver_smtp_connections_total', help, { how: 'reused' }),
      },
    };
    // A certificate file that can't be read refuses the start.
    onStart(async () => {
      secureContext = makeSecureContext(config);
      await deliverer.mtaSts?.start();
    });
    tap('deliver', (delivery, signal) => {
      const { route } = delivery;
      if (route.transport === 'local' || route.transport === 'custom') return undefined;
      return deliver(deliverer, delivery, route, signal);
    });
    if (config.rollUp) {
      tap('site', (route) => (route.transport === 'mx' ? deliverer.sites.of(route.domain) : undefined), {
        description: 'domains with the same mail exchangers are one site',
      });
    }
    tap('survey', (delivery, signal) => {
      const { route } = delivery;
      if (route.transport === 'local' || route.transport === 'custom') return undefined;
      return survey(deliverer, delivery, route, signal);
    });
    onDrain(() => pool.close());
    defer(() => pool.close());
  },
});

function makeSecureContext({ caFile, tlsVersionMin }: DeliverSmtpConfig): SecureContext {
  try {
    return createSecureContext({
      minVersion: tlsVersionMin,
      ...(caFile !== undefined && { ca: readFileSync(caFile) }),
    });
  } catch (cause) {
    throw new MailError('E_TLS', `deliver-smtp: the file ${caFile} can not be used as trusted certificates`, {
      cause,
    });
  }
}
