/** The public entry of `@postroad/changes-redis`. */
export { changesRedis } from './changes-redis.js';
