/** The public entry of `@postroad/sign-dkim`. */
export type { SignDkimOptions } from './options.js';
export { signDkim } from './sign-dkim.js';
