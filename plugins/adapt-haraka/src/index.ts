/** The public entry of `@postroad/adapt-haraka`. */
export { adaptHaraka } from './adapt-haraka.js';
export type { AdaptHarakaOptions } from './config.js';
