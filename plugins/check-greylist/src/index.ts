/** The public entry of `@postroad/check-greylist`. */
export { checkGreylist } from './check-greylist.js';
export type { CheckGreylistOptions } from './options.js';
