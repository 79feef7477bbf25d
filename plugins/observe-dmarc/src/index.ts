/** The public entry of `@postroad/observe-dmarc`. */
export { observeDmarc } from './observe-dmarc.js';
export type { ObserveDmarcOptions } from './options.js';
