/** The public entry of `@postroad/deliver-maildir`. */
export type { DeliverMaildirOptions } from './config.js';
export { deliverMaildir } from './deliver-maildir.js';
