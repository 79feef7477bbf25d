/** The public entry of `@postroad/auth-http`. */
export { authHttp } from './auth-http.js';
export type { AuthHttpConfig, AuthHttpOptions } from './options.js';
