/** The public entry of `@postroad/auth-postgres`. */
export { createAccounts } from './accounts.js';
export { type AuthPostgresConfig, authPostgres } from './auth-postgres.js';
export { migrations as authPostgresMigrations } from './schema.js';
