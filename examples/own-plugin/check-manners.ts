/** A plugin of your own, in one file: it asks for manners. Postroad compiles it when it loads it. */
import { definePlugin, reject } from '@postroad/core';
import { z } from 'zod';

/** Refuses with 550 5.7.1 what is not asked for politely, and marks the rest with a header field. */
export const checkManners = definePlugin({
  name: 'check-manners',
  description: 'Refuses messages whose subject does not say please.',
  // Any Standard Schema will do; what a configuration says wrongly refuses the start, with the key's name.
  config: z.strictObject({ words: z.array(z.string().min(1)).min(1).default(['please']) }),
  setup({ config, tap, log }) {
    const words = config.words.map((word) => word.toLowerCase());
    const isPolite = (subject = '') => words.some((word) => subject.toLowerCase().includes(word));

    // A decision: the first tap that answers ends it, `undefined` leaves it to the others.
    tap('message', ({ body }) => {
      const subject = body.header.get('subject');
      if (isPolite(subject)) return undefined;
      log.info('no manners', { subject });
      return reject(550, '7.1', `say ${config.words.join(' or ')}`);
    });
    // A transform: what comes in is not changed, a new value goes out.
    tap('header', (_message, _findings, prefix) => [...prefix, { name: 'X-Manners', value: 'good' }]);
  },
});
