/** The public entry of `@postroad/check-client`. */
export { checkClient } from './check-client.js';
export type { CheckClientOptions, RuleAction } from './options.js';
