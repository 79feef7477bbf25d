/** The public entry of `@postroad/check-spamassassin`. */
export { checkSpamassassin } from './check-spamassassin.js';
export type { CheckSpamassassinOptions } from './config.js';
