/** The public entry of `@postroad/observe-tlsrpt`. */
export { observeTlsrpt } from './observe-tlsrpt.js';
export type { ObserveTlsrptOptions } from './options.js';
