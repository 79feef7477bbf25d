/** The public entry of `@postroad/adapt-milter`. */
export { adaptMilter } from './adapt-milter.js';
export type { AdaptMilterOptions, MilterOptions } from './config.js';
