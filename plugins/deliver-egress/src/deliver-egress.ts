/** The plugin: source addresses, EHLO names and TLS policies by rules. */
import { Clock, definePlugin, Worker } from '@postroad/core';
import { chooseEgress } from './choose.js';
import { config } from './options.js';
import { shareOfRule } from './share.js';
import { createSourceLimits } from './source-limits.js';

/** Answers the `egress` hook by the first rules that fit. */
export const deliverEgress = definePlugin({
  name: 'deliver-egress',
  description: 'Chooses source address, EHLO name and TLS policy by rules.',
  config,
  needs: { clock: Clock, worker: Worker },
  setup({ config, services, tap }) {
    const workers = services.worker.count;
    const limits = createSourceLimits(workers);
    const rules = config.rules.map((rule) => shareOfRule(rule, workers));
    tap('egress', ({ message, recipients }) => {
      const to = recipients[0]?.address.domain ?? '';
      const question = {
        to,
        from: message.reversePath?.domain,
        key: message.id,
        nowMs: services.clock.now(),
      };
      return chooseEgress(rules, question, limits);
    });
  },
});
