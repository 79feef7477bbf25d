/** The public entry of `@postroad/check-clamav`. */
export { checkClamav } from './check-clamav.js';
export type { CheckClamavOptions } from './config.js';
