/** The public entry of `@postroad/check-bayes`. */
export { checkBayes } from './check-bayes.js';
export { type Counts, classify, type Judgement } from './classify.js';
export { tokensOfMessage } from './message-words.js';
export type { CheckBayesOptions } from './options.js';
export {
  type Kind,
  type Learnt,
  type Lesson,
  openStatistics,
  type Scope,
  type Statistics,
} from './statistics.js';
export { type Tokens, tokensOf } from './tokens.js';
