/** The plugin: source addresses, EHLO names and TLS policies by rules. */
import { definePlugin } from '@postroad/core';
import { chooseEgress } from './choose.js';
import { config } from './options.js';

/** Answers the `egress` hook by the first rules that fit. */
export const deliverEgress = definePlugin({
  name: 'deliver-egress',
  description: 'Chooses source address, EHLO name and TLS policy by rules.',
  config,
  setup({ config, tap }) {
    tap('egress', ({ message, recipients }) =>
      chooseEgress(config.rules, {
        to: recipients[0]?.address.domain ?? '',
        from: message.reversePath?.domain,
        key: message.id,
      }),
    );
  },
});
