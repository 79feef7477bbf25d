/** The plugin: accepts and forgets. For load tests, for domains that must be taken but are not read. */
import { definePlugin, reply, type StandardSchema } from '@postroad/core';
import { z } from 'zod';

/** What a user may write. */
export interface DeliverDiscardOptions {
  readonly domains?: readonly string[] | undefined;
}

const config: StandardSchema<DeliverDiscardOptions | undefined, { readonly domains: readonly string[] }> = z
  .strictObject({ domains: z.array(z.string().min(1).toLowerCase()).default([]) })
  .prefault({});

const forgotten = reply(250, '0.0', 'discarded');

/** Takes routes `{ transport: 'custom', name: 'discard' }`, and makes them for its domains. */
export const deliverDiscard = definePlugin({
  name: 'deliver-discard',
  description: 'Accepts and forgets the mail of chosen domains.',
  config,
  setup({ config, tap }) {
    const domains = new Set(config.domains);
    if (domains.size > 0) {
      tap('route', (_envelope, { address }) =>
        domains.has(address.domain)
          ? { transport: 'custom', name: 'discard', target: address.domain }
          : undefined,
      );
    }
    tap('deliver', ({ route, recipients }) => {
      if (route.transport !== 'custom' || route.name !== 'discard') return undefined;
      return {
        outcomes: recipients.map(({ index }) => ({ index, status: 'delivered' as const, reply: forgotten })),
      };
    });
  },
});
