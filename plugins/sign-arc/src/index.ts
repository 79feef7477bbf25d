/** The public entry of `@postroad/sign-arc`. */
export type { SignArcOptions } from './options.js';
export { signArc } from './sign-arc.js';
