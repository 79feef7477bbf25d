/** The public entry of `@postroad/route-return`. */
export type { RouteReturnOptions } from './options.js';
export { routeReturn } from './route-return.js';
