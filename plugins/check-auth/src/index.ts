/** The public entry of `@postroad/check-auth`. */
export { checkAuth } from './check-auth.js';
export type { CheckAuthOptions } from './options.js';
