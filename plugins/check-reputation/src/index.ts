/** The public entry of `@postroad/check-reputation`. */
export { checkReputation } from './check-reputation.js';
export type { Identity, IdentityKind } from './identities.js';
export type { CheckReputationOptions } from './options.js';
