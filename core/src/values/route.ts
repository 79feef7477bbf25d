/** Where a recipient's message goes next. */
import type { MailAddress } from './address.js';
import type { EnvelopeRecipient } from './envelope.js';

/** To an account of the local `MailboxStore`. */
export interface LocalRoute {
  readonly transport: 'local';
  readonly accountId: string;
  /** The sub-address (`user+detail@`, RFC 5233), for filing. */
  readonly detail?: string;
}

/**
 * How much TLS the next hop must offer. `dane`: mail exchangers must prove themselves by TLSA records, and a domain without
 * them gets nothing; for hosts that a route names it is as `verified`.
 */
export type TlsPolicy = 'none' | 'opportunistic' | 'required' | 'verified' | 'dane';

/** To the mail exchangers of a domain (RFC 5321 section 5). */
export interface MxRoute {
  readonly transport: 'mx';
  readonly domain: string;
  readonly tls?: TlsPolicy;
  /** What MAIL says instead of the message's reverse-path. */
  readonly reversePath?: MailAddress;
}

/** To one host: a smarthost or a per-domain transport. */
export interface HostRoute {
  readonly transport: 'smtp' | 'lmtp';
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsPolicy | 'implicit';
  readonly login?: string;
  /** Never logged, never listed. */
  readonly password?: string;
  /** What MAIL says instead of the message's reverse-path. */
  readonly reversePath?: MailAddress;
}

/** To a transport that a plugin's `deliver` tap knows, such as `http` or `pipe`. */
export interface CustomRoute {
  readonly transport: 'custom';
  readonly name: string;
  readonly target: string;
}

/** Where a recipient goes next. */
export type Route = LocalRoute | MxRoute | HostRoute | CustomRoute;

/**
 * The key under which deliveries are grouped, limited and told apart, unless a tap of the hook `site` knows that domains
 * share their servers. Never contains credentials.
 */
export function siteOf(route: Route): string {
  switch (route.transport) {
    case 'local':
      return 'local';
    case 'mx':
      return `mx:${route.domain}`;
    case 'smtp':
    case 'lmtp':
      return `${route.transport}:${route.host}:${route.port}`;
    case 'custom':
      return `${route.name}:${route.target}`;
  }
}

/** One recipient after routing. */
export interface RoutedRecipient {
  readonly recipient: EnvelopeRecipient;
  readonly route: Route;
}
