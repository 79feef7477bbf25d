/** The public entry of `@postroad/deliver-discard`. */
export { type DeliverDiscardOptions, deliverDiscard } from './deliver-discard.js';
