/** The public entry of `@postroad/route-local`. */
export type { HopOptions, RouteLocalConfig, RouteLocalOptions, TransportOptions } from './options.js';
export { routeLocal } from './route-local.js';
