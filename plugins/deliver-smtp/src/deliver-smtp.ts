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
import { openMtaSts } from './tls/open-mta-sts.js';

/** Delivers to mail exchangers (transport `mx`), smarthosts (`smtp`) and LMTP servers (`lmtp`). */
export const deliverSmtp = definePlugin({
  name: 'deliver-smtp',
  description: 'Delivers to other hosts over SMTP and LMTP.',
  config,
  needs: { resolver: Resolver, clock: Clock, random: Random, resigner: optional(Resigner) },
  setup({ config, services, hostname, log, metrics, tap, onStart, onDrain, defer }) {
    const { resolver, clock, random, resigner } = services;
    const pool = new ConnectionPool(config.reuse, clock);
    const help = 'Connections to other servers';
    let secureContext: SecureContext | undefined;
    let authorities: Buffer | undefined;
    const sts = openMtaSts({ config, resolver, clock, log, authorities: () => authorities });
    const mtaSts = sts?.policies;
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
        secureContext ??= makeSecureContext(config, authorities);
        return secureContext;
      },
      counters: {
        opened: metrics.counter('deliver_smtp_connections_total', help, { how: 'opened' }),
        reused: metrics.counter('deliver_smtp_connections_total', help, { how: 'reused' }),
      },
    };
    // A certificate file that can't be read refuses the start.
    onStart(async () => {
      authorities = readAuthorities(config);
      secureContext = makeSecureContext(config, authorities);
      await sts?.start();
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
    defer(async () => {
      await sts?.stop();
      await pool.close();
    });
  },
});

function readAuthorities({ caFile }: DeliverSmtpConfig): Buffer | undefined {
  try {
    return caFile === undefined ? undefined : readFileSync(caFile);
  } catch (cause) {
    throw new MailError('E_TLS', `deliver-smtp: the file ${caFile} can not be read`, { cause });
  }
}

function makeSecureContext(
  { caFile, tlsVersionMin }: DeliverSmtpConfig,
  ca: Buffer | undefined,
): SecureContext {
  try {
    return createSecureContext({ minVersion: tlsVersionMin, ...(ca !== undefined && { ca }) });
  } catch (cause) {
    throw new MailError('E_TLS', `deliver-smtp: the file ${caFile} can not be used as trusted certificates`, {
      cause,
    });
  }
}
