/** The public entry of `@postroad/route-srs`. */
export type { RouteSrsOptions } from './options.js';
export { routeSrs } from './route-srs.js';
