/** The public entry of `@postroad/tls-acme`. */
export type { TlsAcmeOptions } from './options.js';
export { tlsAcme } from './tls-acme.js';
