/** The public entry of `@postroad/check-rate`. */
export { checkRate } from './check-rate.js';
export type { CheckRateOptions, RateField, RateLimitOptions, RatePoint } from './options.js';
