/** The public entry of `@postroad/check-dnsbl`. */
export { checkDnsbl } from './check-dnsbl.js';
export type { CheckDnsblOptions, DnsListOptions, DomainOf } from './options.js';
