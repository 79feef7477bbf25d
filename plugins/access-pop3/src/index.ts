/** The public entry of `@postroad/access-pop3`. */
export { accessPop3 } from './access-pop3.js';
export type { AccessPop3Config, AccessPop3Options, Pop3Limits, Pop3ListenOptions } from './options.js';
