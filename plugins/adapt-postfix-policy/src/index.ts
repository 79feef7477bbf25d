/** The public entry of `@postroad/adapt-postfix-policy`. */
export { adaptPostfixPolicy } from './adapt-postfix-policy.js';
export type { AdaptPostfixPolicyOptions, PolicyServiceOptions } from './config.js';
