/** The public entry of `@postroad/route-suppress`. */
export type { RouteSuppressOptions } from './options.js';
export { routeSuppress } from './route-suppress.js';
