/** The public entry of `@postroad/check-dmarc-policy`. */
export { checkDmarcPolicy } from './check-dmarc-policy.js';
export type { CheckDmarcPolicyOptions } from './options.js';
