/** The plugin `counters-redis`. */
import { Clock, Counters, definePlugin, MailError } from '@postroad/core';
import { openRedis, type Redis, redisConfig } from '@postroad/redis';
import { z } from 'zod';
import { createRedisCounters } from './redis-counters.js';

const config = z.strictObject({
  ...redisConfig,
  prefix: z.string().default('postroad:').describe('Before every key, so that servers may share a Redis.'),
  onAway: z
    .enum(['local', 'fail'])
    .default('local')
    .describe('While Redis is away: count in this process alone, or fail, so that who asks decides.'),
});

const startTimeoutMs = 5_000;

/** Shares rate limits, greylists and bans between nodes. */
export const countersRedis = definePlugin({
  name: 'counters-redis',
  description: 'Shares rate limits, greylists and bans between nodes in Redis or Valkey.',
  config,
  needs: { clock: Clock },
  provides: [Counters],
  setup({ config: options, services: { clock }, provide, onStart, keep, log, metrics }) {
    let redis: Redis | undefined;
    let counters: Counters | undefined;
    onStart(async () => {
      redis = await keep(
        JSON.stringify([options.url, options.password, options.commandTimeoutMs]),
        async () => openRedis({ ...options, name: 'counters-redis' }, log),
        async (kept) => kept.close(),
      );
      counters = createRedisCounters({ ...options, redis, clock, log, metrics });
      // A node can start while Redis is away; it only gives it time to be there from the first message on.
      await redis.whenReady(startTimeoutMs);
    });
    const opened = (): Counters => {
      if (counters === undefined) throw new MailError('E_COUNTERS', 'the counters are not open yet');
      return counters;
    };
    provide(Counters, {
      take: async (key, rate, units) => opened().take(key, rate, units),
      add: async (key, amount, ttlMs) => opened().add(key, amount, ttlMs),
      get: async (key) => opened().get(key),
      set: async (key, value, ttlMs) => opened().set(key, value, ttlMs),
      setIfAbsent: async (key, value, ttlMs) => opened().setIfAbsent(key, value, ttlMs),
      delete: async (key) => opened().delete(key),
      entries: (prefix) => opened().entries(prefix),
    });
  },
});
