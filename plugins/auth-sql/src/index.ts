/** The public entry of `@postroad/auth-sql`. */
export { authSql } from './auth-sql.js';
export type { AuthSqlConfig, AuthSqlOptions } from './options.js';
export { defaultQueries, type Queries } from './queries.js';
