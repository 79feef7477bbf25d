/**
 * Counters in Redis. Each call is one command or one script, so that it is atomic; rates go by the clock of Redis, so that
 * nodes may have clocks that differ. While Redis is away the counters of this process alone count, or calls fail.
 */
import {
  type Clock,
  type CounterEntry,
  type Counters,
  createMemoryCounters,
  isMailError,
  type Logger,
  MailError,
  type Metrics,
} from '@postroad/core';
import type { Redis } from '@postroad/redis';

/** How to make them. */
export interface RedisCountersOptions {
  readonly redis: Redis;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Before every key, so that servers may share a Redis. */
  readonly prefix: string;
  /** `local` counts in this process meanwhile; `fail` rejects. */
  readonly onAway: 'local' | 'fail';
}

/** The generic cell rate algorithm: the moment at which all that was taken is used up at the steady pace. */
const takeScript = `
local t = redis.call('TIME')
local now = t[1] * 1000 + t[2] / 1000
local interval = tonumber(ARGV[1])
local tolerance = tonumber(ARGV[2])
local used = math.max(now, tonumber(redis.call('GET', KEYS[1]) or now)) + tonumber(ARGV[3]) * interval
local wait = used - tolerance - now
-- Milliseconds since 1970 leave a double about a quarter of a thousandth.
if wait > 0.01 then return math.ceil(wait) end
redis.call('SET', KEYS[1], string.format('%.6f', used), 'PX', math.max(1, math.ceil(used - now)))
return 0`;

const addScript = `
local sum = redis.call('INCRBYFLOAT', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return sum`;

const setIfAbsentScript = `
local known = redis.call('GET', KEYS[1])
if known then return known end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]`;

const scanCount = 500;

/** Counters over this connection. */
export function createRedisCounters(options: RedisCountersOptions): Counters {
  const { redis, prefix } = options;
  const local = createMemoryCounters({ clock: options.clock });
  const valueKey = (key: string): string => `${prefix}v:${key}`;
  const rateKey = (key: string): string => `${prefix}r:${key}`;
  const whenAway = createAwayNotice(options);
  const ms = (durationMs: number): number => Math.max(1, Math.ceil(durationMs));

  async function ask<T>(there: () => Promise<T>, here: () => T | Promise<T>): Promise<T> {
    try {
      if (!redis.isReady) throw new MailError('E_COUNTERS', 'Redis is away');
      const answer = await there();
      whenAway(undefined);
      return answer;
    } catch (cause) {
      whenAway(cause);
      if (options.onAway === 'local') return await here();
      if (isMailError(cause, 'E_COUNTERS')) throw cause;
      throw new MailError('E_COUNTERS', 'Redis did not answer', { cause });
    }
  }

  return {
    take: (key, rate, units = 1) =>
      ask(
        async () => {
          const intervalMs = rate.perMs / rate.units;
          const toleranceMs = intervalMs * Math.max(1, rate.burst ?? rate.units);
          const args = [intervalMs, toleranceMs, units];
          const retryAfterMs = Number(await redis.script(takeScript, [rateKey(key)], args));
          return { isAllowed: retryAfterMs === 0, retryAfterMs };
        },
        () => local.take(key, rate, units),
      ),
    add: (key, amount, ttlMs) =>
      ask(
        async () => Number(await redis.script(addScript, [valueKey(key)], [amount, ms(ttlMs)])),
        () => local.add(key, amount, ttlMs),
      ),
    get: (key) =>
      ask(
        async () => ((await redis.command('GET', valueKey(key))) ?? undefined) as string | undefined,
        () => local.get(key),
      ),
    set: (key, value, ttlMs) =>
      ask(
        async () => void (await redis.command('SET', valueKey(key), value, 'PX', ms(ttlMs))),
        () => local.set(key, value, ttlMs),
      ),
    setIfAbsent: (key, value, ttlMs) =>
      ask(
        async () => (await redis.script(setIfAbsentScript, [valueKey(key)], [value, ms(ttlMs)])) as string,
        () => local.setIfAbsent(key, value, ttlMs),
      ),
    delete: (key) =>
      ask(
        async () => Number(await redis.command('DEL', valueKey(key))) > 0,
        () => local.delete(key),
      ),
    async *entries(asked) {
      const rows = await ask(
        () => scan(options, valueKey(''), asked),
        async () => {
          const rows: CounterEntry[] = [];
          for await (const entry of local.entries(asked)) rows.push(entry);
          return rows as readonly CounterEntry[];
        },
      );
      yield* rows;
    },
  };
}

async function scan(
  { redis, clock }: RedisCountersOptions,
  before: string,
  asked: string,
): Promise<readonly CounterEntry[]> {
  const pattern = `${(before + asked).replace(/[\\*?[\]^-]/g, '\\$&')}*`;
  const found = new Map<string, CounterEntry>();
  let cursor = '0';
  do {
    const [next, keys] = (await redis.command('SCAN', cursor, 'MATCH', pattern, 'COUNT', scanCount)) as [
      string,
      string[],
    ];
    cursor = next;
    for (const key of keys) {
      const value = (await redis.command('GET', key)) as string | null;
      const leftMs = Number(await redis.command('PTTL', key));
      // It may have ended since it was found.
      if (value === null || leftMs < 0) continue;
      const name = key.slice(before.length);
      found.set(name, { key: name, value, expiresAtMs: clock.now() + leftMs });
    }
  } while (cursor !== '0');
  return [...found.values()];
}

/** Says once that Redis is away, and once that it is back; the metric says how it is now. */
function createAwayNotice({ log, metrics, onAway }: RedisCountersOptions): (cause: unknown) => void {
  const away = metrics.gauge('counters_redis_away', 'Whether Redis is away and counters are not shared');
  const alone = metrics.counter('counters_redis_failures', 'Calls of counters that Redis did not answer');
  let isAway = false;
  away.set(0);
  return (cause) => {
    if (cause !== undefined) alone.increase();
    if ((cause !== undefined) === isAway) return;
    isAway = cause !== undefined;
    away.set(isAway ? 1 : 0);
    if (!isAway) log.info('Redis is back, counters are shared again');
    else if (onAway === 'local') log.warn('Redis is away, this process counts for itself', { error: cause });
    else log.warn('Redis is away, counters fail', { error: cause });
  };
}
