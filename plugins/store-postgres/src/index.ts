/** The public entry of `@postroad/store-postgres`. */

export { sweepParts } from './bodies.js';
export type { PostgresStoreOptions } from './engine.js';
export { openPostgresStore } from './mailbox-store-postgres.js';
export { sweepOutside } from './outside-bodies.js';
export { migrations as storePostgresMigrations } from './schema.js';
export { storePostgres } from './store-postgres.js';
