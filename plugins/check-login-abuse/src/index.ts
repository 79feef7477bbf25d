/** The public entry of `@postroad/check-login-abuse`. */
export { checkLoginAbuse } from './check-login-abuse.js';
export type { CheckLoginAbuseConfig, CheckLoginAbuseOptions, ScopeLimits, SomeLimits } from './options.js';
