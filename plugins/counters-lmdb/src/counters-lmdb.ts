/** The plugin `counters-lmdb`. */
import { Clock, Counters, definePlugin, MailError } from '@postroad/core';
import { z } from 'zod';
import { type OpenLmdbCounters, openLmdbCounters } from './lmdb-counters.js';

const config = z.strictObject({
  directory: z.string().min(1).describe('Where the counters are kept (`counters.mdb`); made when missing.'),
  entriesMax: z
    .number()
    .int()
    .min(1_000)
    .max(100_000_000)
    .default(1_000_000)
    .describe('Most keys kept; those that end soonest go first.'),
});

/** Keeps rate limits, greylists, bans and reputations over a restart, and shares them between the workers of a machine. */
export const countersLmdb = definePlugin({
  name: 'counters-lmdb',
  description: 'Keeps rate limits, greylists, bans and reputations over a restart, on one machine.',
  config,
  needs: { clock: Clock },
  provides: [Counters],
  setup({ config: options, services: { clock }, provide, onStart, keep }) {
    let opened: OpenLmdbCounters | undefined;
    onStart(async () => {
      opened = await keep(
        options.directory,
        () => openLmdbCounters({ ...options, clock }),
        (kept) => kept.close(),
      );
    });
    const counters = (): Counters => {
      if (opened === undefined) throw new MailError('E_COUNTERS', 'the counters are not open yet');
      return opened.counters;
    };
    provide(Counters, {
      take: async (key, rate, units) => counters().take(key, rate, units),
      add: async (key, amount, ttlMs) => counters().add(key, amount, ttlMs),
      get: async (key) => counters().get(key),
      set: async (key, value, ttlMs) => counters().set(key, value, ttlMs),
      setIfAbsent: async (key, value, ttlMs) => counters().setIfAbsent(key, value, ttlMs),
      delete: async (key) => counters().delete(key),
      entries: (prefix) => counters().entries(prefix),
    });
  },
});
