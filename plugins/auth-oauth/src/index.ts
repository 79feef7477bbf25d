/** The public entry of `@postroad/auth-oauth`. */
export { authOauth } from './auth-oauth.js';
export type { AuthOauthConfig, AuthOauthOptions, IntrospectionOptions, IssuerOptions } from './options.js';
