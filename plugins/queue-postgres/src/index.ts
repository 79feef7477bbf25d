/** The public entry of `@postroad/queue-postgres`. */
export { openPostgresQueueStore, type PostgresQueueOptions } from './postgres-queue-store.js';
export { queuePostgres } from './queue-postgres.js';
export { migrations as queuePostgresMigrations } from './schema.js';
