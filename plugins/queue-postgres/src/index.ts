/** The public entry of `@postroad/queue-postgres`. */
export { sweepOutside } from './outside-bodies.js';
export { openPostgresQueueStore, type PostgresQueueOptions } from './postgres-queue-store.js';
export { queuePostgres } from './queue-postgres.js';
export { migrations as queuePostgresMigrations } from './schema.js';
