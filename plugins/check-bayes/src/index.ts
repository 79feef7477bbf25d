/** The public entry of `@postroad/check-bayes`. */
export { checkBayes } from './check-bayes.js';
export { classify, type Judgement } from './classify.js';
export { tokensOfMessage } from './message-words.js';
export type { CheckBayesOptions } from './options.js';
export { tokensOf } from './tokens.js';
