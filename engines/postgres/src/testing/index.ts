/** The second entry, `@postroad/postgres/testing`. */
export { postgresMissing, startTestPostgres, type TestPostgres } from './test-server.js';
