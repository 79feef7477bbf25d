/** The public entry of `@postroad/access-autoconfig`. */
export { accessAutoconfig } from './access-autoconfig.js';
export type { AccessAutoconfigOptions } from './options.js';
