/** The public entry of `@postroad/check-score`. */
export { checkScore } from './check-score.js';
export type { CheckScoreOptions } from './options.js';
export { addUp, type Sum, type Term } from './sum.js';
