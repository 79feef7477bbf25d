/** The MTA-STS policies of one generation: fetched, kept, and looked through from time to time so that none ends in use. */
import type { Clock, Logger, Resolver } from '@postroad/core';
import type { DeliverSmtpConfig } from '../config.js';
import { createStsFetch } from './fetch-sts-policy.js';
import { MtaSts } from './mta-sts.js';
import { StsPolicyFile } from './sts-policy-file.js';

/** What it works with. */
export interface OpenMtaStsOptions {
  readonly config: DeliverSmtpConfig;
  readonly resolver: Resolver;
  readonly clock: Clock;
  readonly log: Logger;
  /** Certificates to trust instead of the system's. */
  authorities(): Buffer | undefined;
}

/** See the file's comment. */
export interface OpenedMtaSts {
  readonly policies: MtaSts;
  /** Takes over what was kept, and begins to keep it fresh. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** How long a policy may take to come: mail is waiting for it. */
const timeoutMs = 20_000;
/** How often policies are looked through for what should be fetched again. */
const refreshMs = 600_000;

/** The policies; `undefined` when they are switched off. */
export function openMtaSts({
  config,
  resolver,
  clock,
  log,
  authorities: ca,
}: OpenMtaStsOptions): OpenedMtaSts | undefined {
  if (!config.mtaSts) return undefined;
  const { allowPrivateAddresses, mtaStsFile } = config;
  const policies = new MtaSts({
    resolver,
    clock,
    log,
    file: mtaStsFile === undefined ? undefined : new StsPolicyFile(mtaStsFile, log),
    fetchPolicy: createStsFetch({ resolver, clock, allowPrivateAddresses, timeoutMs, ca }),
  });
  const stopping = new AbortController();
  const { signal } = stopping;
  let refreshing: Promise<void> = Promise.resolve();

  async function keepFresh(): Promise<void> {
    while (!signal.aborted) {
      try {
        await clock.sleep(refreshMs, signal);
        await policies.refresh(signal);
      } catch (error) {
        if (!signal.aborted) log.error('the MTA-STS policies could not be refreshed', { error });
      }
    }
  }

  return {
    policies,
    async start() {
      await policies.start();
      refreshing = keepFresh();
    },
    async stop() {
      stopping.abort();
      await refreshing;
    },
  };
}
