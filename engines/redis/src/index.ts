/** The public entry of `@postroad/redis`. */
export { openRedis, type Redis, type RedisOptions, redisConfig } from './connection.js';
