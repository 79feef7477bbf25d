/** The plugin: forwarded mail leaves with a reverse-path of ours, and bounces to it go back to whom they belong. */
import {
  accept,
  Clock,
  definePlugin,
  domainKey,
  type EnvelopeRecipient,
  formatAddress,
  type QueuedMessage,
  reject,
} from '@postroad/core';
import { config } from './options.js';
import { isRewritten, readSender, rewriteSender } from './srs-address.js';

/** SPF of the next hop then asks about us, who do send it. */
export const routeSrs = definePlugin({
  name: 'route-srs',
  description: 'Rewrites the reverse-path of forwarded mail (SRS), and takes bounces back.',
  config,
  needs: { clock: Clock },
  setup({ config, services, log, tap }) {
    const { clock } = services;
    const ours = new Set([config.domain, ...config.localDomains].map(domainKey));
    const isOurs = ({ address }: EnvelopeRecipient) =>
      domainKey(address.domain) === domainKey(config.domain) && isRewritten(address);

    tap('returnPath', (message) => {
      const { reversePath } = message;
      if (reversePath === null || !isForwarded(message) || ours.has(domainKey(reversePath.domain)))
        return undefined;
      const rewritten = rewriteSender(reversePath, config, clock.now());
      if (rewritten === undefined) {
        log.info('a reverse-path is too long to be rewritten', {
          message: message.id,
          reversePath: formatAddress(reversePath),
        });
      }
      return rewritten;
    });
    tap(
      'recipient',
      ({ reversePath }, recipient) => {
        if (!isOurs(recipient)) return undefined;
        const { status } = readSender(recipient.address, config, clock.now());
        if (status === 'expired')
          return reject(550, '1.1', 'this address was only good for bounces, for a time');
        // Only bounces: else everybody who sees such an address could send through us.
        return status === 'valid' && reversePath === null
          ? accept()
          : reject(550, '1.1', 'no such user here');
      },
      { order: 'early' },
    );
    tap(
      'expand',
      (_message, recipients) => {
        if (!recipients.some(isOurs)) return undefined;
        return recipients.map((recipient) => {
          if (!isOurs(recipient)) return recipient;
          const found = readSender(recipient.address, config, clock.now());
          return found.status === 'valid' ? { ...recipient, address: found.address } : recipient;
        });
      },
      { order: 'early' },
    );
  },
});

/** What strangers gave us and we hand on; what our users send keeps its own reverse-path. */
function isForwarded({ origin }: QueuedMessage): boolean {
  return origin.accountId === undefined && origin.protocol !== 'code';
}
