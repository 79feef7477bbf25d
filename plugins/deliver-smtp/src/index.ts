/** The public entry of `@postroad/deliver-smtp`. */
export type { DeliverSmtpConfig, DeliverSmtpOptions } from './config.js';
export { deliverSmtp } from './deliver-smtp.js';
