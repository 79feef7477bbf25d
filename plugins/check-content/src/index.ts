/** The public entry of `@postroad/check-content`. */
export { checkContent } from './check-content.js';
export type { Attachment, ContentFacts } from './facts.js';
export type { CheckContentOptions, RuleAction } from './options.js';
export type { ContentRule, RuleHit } from './rule.js';
