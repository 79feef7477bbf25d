/** The public entry of `@postroad/observe-webhook`. */
export { observeWebhook } from './observe-webhook.js';
export type { ObserveWebhookOptions } from './options.js';
