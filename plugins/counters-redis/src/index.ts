/** The public entry of `@postroad/counters-redis`. */
export { countersRedis } from './counters-redis.js';
export { createRedisCounters, type RedisCountersOptions } from './redis-counters.js';
