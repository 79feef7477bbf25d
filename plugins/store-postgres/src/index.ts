/** The public entry of `@postroad/store-postgres`. */

export { sweepParts } from './bodies.js';
export { openPostgresStore, type PostgresStoreOptions } from './mailbox-store-postgres.js';
export { sweepOutside } from './outside-bodies.js';
export { migrations as storePostgresMigrations } from './schema.js';
export { storePostgres } from './store-postgres.js';
