/** What all deliveries of one generation share. */
import type { SecureContext } from 'node:tls';
import type { Clock, Counter, Logger, Random, Resigner, Resolver } from '@postroad/core';
import type { DeliverSmtpConfig } from './config.js';
import type { ConnectionLimits } from './connection-limits.js';
import type { ConnectionPool } from './connection-pool.js';
import type { PolicyScopes } from './policy-scopes.js';
import type { Reachability } from './reachability.js';
import type { SiteNames } from './site-names.js';
import type { MtaSts } from './tls/mta-sts.js';

/** Made once in the plugin's setup. */
export interface Deliverer {
  readonly config: DeliverSmtpConfig;
  readonly hostname: string;
  /** Lower-case names under which MX records mean this server. */
  readonly ownNames: ReadonlySet<string>;
  readonly resolver: Resolver;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly pool: ConnectionPool;
  readonly limits: ConnectionLimits;
  readonly reachability: Reachability;
  readonly scopes: PolicyScopes;
  readonly sites: SiteNames;
  /** Policies of other domains; absent when switched off. */
  readonly mtaSts: MtaSts | undefined;
  /** Signs anew what is converted; absent when nothing signs. */
  readonly resigner: Resigner | undefined;
  readonly secureContext: SecureContext;
  readonly counters: { readonly opened: Counter; readonly reused: Counter };
}
