/** The public entry of `@postroad/deliver-http`. */
export type { DeliverHttpOptions, HttpEndpoint } from './config.js';
export { deliverHttp } from './deliver-http.js';
