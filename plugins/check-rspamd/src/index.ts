/** The public entry of `@postroad/check-rspamd`. */
export { checkRspamd } from './check-rspamd.js';
export type { CheckRspamdOptions } from './config.js';
