/** The public entry of `@postroad/postgres`. */
export { type PostgresOptions, postgresConfig } from './config.js';
export { isDuplicate, isLost, isRetryable, sqlState } from './faults.js';
export { createGroupCommit, type GroupCommitOptions } from './group-commit.js';
export { type Listening, listen, type NoticeListener } from './listen.js';
export type { MigrationIndex } from './make-index.js';
export {
  type MigrateOptions,
  type Migration,
  migrate,
  pendingMigrations,
  requireMigrated,
} from './migrate.js';
export { type Column, createParameters, type Parameters, tableOf } from './parameters.js';
export { type Connection, openPostgres, type Postgres, type PostgresServices, type Row } from './pool.js';
export {
  type PostgresTables,
  type PostgresTablesOptions,
  postgresTables,
  postgresTablesConfig,
} from './tables.js';
