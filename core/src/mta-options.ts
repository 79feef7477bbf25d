/** What `createMta` takes. */
import type { PluginUse } from './plugin/define.js';
import type { TlsProfile } from './services/tls-profile.js';
import type { ReceiverLimits } from './smtp/receiver.js';

/** A port that takes mail. */
export interface ListenerOptions {
  /** For logs, limits and `explain`; made of role and port by default. */
  readonly name?: string;
  /** The address to bind; all by default. */
  readonly host?: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** `relay` is port 25, `submission` 587 and 465 (a login is needed), `lmtp` is RFC 2033. */
  readonly role: 'relay' | 'submission' | 'lmtp';
  /**
   * `optional`: STARTTLS is offered. `required`: MAIL is refused before it. `implicit`: TLS from the first octet.
   * `none`: never. Default: `required` for submission, `optional` for relay, `none` for LMTP.
   */
  readonly tls?: 'none' | 'optional' | 'required' | 'implicit';
  /** Whose addresses a logged-in user may send as; default `own`. */
  readonly senders?: 'own' | 'any';
  /** Whether AUTH is offered; default: on submission only. */
  readonly auth?: boolean;
  /** Passwords without TLS; refused unless the listener is bound to loopback. */
  readonly plaintextAuth?: boolean;
  readonly profile?: 'strict' | 'legacy';
  readonly greetingDelayMs?: number;
  /** Proxies, as addresses or networks in CIDR form, that send a PROXY header (version 1 or 2) and must send one. */
  readonly proxyFrom?: readonly string[];
  /** Clients, as addresses or networks, that may use XCLIENT and XFORWARD: filters and proxies of one's own. */
  readonly xclientFrom?: readonly string[];
  readonly limits?: Partial<ReceiverLimits>;
  /** Plugins that see only this listener's connections. */
  readonly plugins?: readonly PluginUse[];
}

/** Where the certificate comes from, and what is spoken with it. */
export type TlsOptions = {
  /** Which ciphers; default `compatible`. TLS 1.2 and 1.3 in both. */
  readonly profile?: TlsProfile;
} & (
  | { readonly certificateFile: string; readonly keyFile: string }
  /** Several: which one is shown is chosen by the name that a client asks for; to others the first one is. */
  | { readonly certificates: readonly { readonly certificateFile: string; readonly keyFile: string }[] }
  /** Made at the first start and kept in this directory; clients will warn. */
  | { readonly selfSignedDirectory: string }
);

/** Limits of the sites that a pattern names. */
export interface SiteRule {
  /**
   * A site as lists show it, such as `mx:mx.provider.example` or `smtp:relay.example:25`; `*` stands for any characters.
   * The first rule that fits counts. `mx:` and a recipient's domain makes that domain a site of its own.
   */
  readonly match: string;
  /** Most deliveries at once to the site; `deliveriesPerSiteMax` by default. */
  readonly deliveriesMax?: number;
  /** Most recipients in so much time; `burst` of them, `recipients` by default, may come at once after a pause. */
  readonly rate?: { readonly recipients: number; readonly perMs: number; readonly burst?: number };
  /** Waits between tries for these sites. */
  readonly retryDelaysMs?: readonly number[];
}

/** So many in so much time; `burst` of them, `count` by default, may come at once after a pause. */
export interface RateOption {
  readonly count: number;
  readonly perMs: number;
  readonly burst?: number;
}

/**
 * A limit across sites. It holds for deliveries that every given pattern fits (`*` stands for any characters), and all
 * limits that fit a delivery count.
 */
export interface LimitRule {
  readonly site?: string;
  /** The recipient's domain. */
  readonly domain?: string;
  readonly tenant?: string;
  readonly account?: string;
  readonly campaign?: string;
  /** Each value of these has the limit for itself; without them all that it fits share it. */
  readonly per?: readonly ('site' | 'domain' | 'tenant' | 'account' | 'campaign')[];
  /** Most deliveries at once, and with them connections in use. */
  readonly deliveriesMax?: number;
  readonly messages?: RateOption;
  readonly recipients?: RateOption;
  readonly octets?: RateOption;
}

/** What to do when a server answers certain words. */
export interface ReplyRule {
  /** The reply on one line, such as `421 *too many*`; `*` stands for any characters. The first rule that fits counts. */
  readonly match: string;
  /** Only at sites of this pattern. */
  readonly site?: string;
  /** Leave the site alone for so long. */
  readonly pauseSiteMs?: number;
  /** At most so many deliveries at once to the site for so long. */
  readonly slow?: { readonly deliveriesMax: number; readonly forMs: number };
  /** Suspend the tenant of the message for so long. */
  readonly suspendTenantMs?: number;
  /** Waits between tries for recipients that were answered so. */
  readonly retryDelaysMs?: readonly number[];
  /** It will not mend: the recipient bounces although the answer is a deferral. */
  readonly giveUp?: boolean;
}

/** When the queue tries again and when it gives up. */
export interface QueueOptions {
  /** Waits between tries; the last one repeats. Default: 1, 5, 15, 30 minutes, 1, 2, 4 hours. */
  readonly retryDelaysMs?: readonly number[];
  /** Each wait is stretched by up to this part of itself, so that retries spread; default 0.1. */
  readonly retryJitter?: number;
  /** Default five days (RFC 5321 section 4.5.4.1). */
  readonly lifetimeMs?: number;
  /** After this time the sender is told once that the message is late; default 4 hours. */
  readonly delayWarningMs?: number;
  /** Most deliveries at once; default 200. */
  readonly deliveriesMax?: number;
  /** Most deliveries at once to one site, once it has shown that it takes them; default 20. */
  readonly deliveriesPerSiteMax?: number;
  /** Most recipients in one transaction; default 100. */
  readonly recipientsPerDeliveryMax?: number;
  /** How long a delivery may take before its lease ends; default one hour. */
  readonly leaseMs?: number;
  /** Limits of single sites. */
  readonly sites?: readonly SiteRule[];
  /** Limits across sites. */
  readonly limits?: readonly LimitRule[];
  /** What certain answers mean for the next deliveries. */
  readonly replies?: readonly ReplyRule[];
  /** The header field that says whom a message of a logged-in client belongs to; by default its account counts. */
  readonly tenantHeader?: string;
  /** The header field that names the sending that a message of a logged-in client belongs to; default `X-Campaign`. */
  readonly campaignHeader?: string;
}

/** A whole server. */
export interface MtaOptions {
  /** The server's name in greetings and trace fields. */
  readonly hostname: string;
  readonly plugins: readonly PluginUse[];
  readonly listeners?: readonly ListenerOptions[];
  readonly tls?: TlsOptions;
  /**
   * A file of 32 random octets or more that several machines have: TLS sessions go on at any of them. Without it they go
   * on in all workers of this server, and end with it.
   */
  readonly tlsSessions?: { readonly secretFile: string };
  /**
   * Clients are asked for a certificate, on all ports with TLS but those of the role `relay`, and may log in with one
   * (SASL EXTERNAL) that an authority of this file in PEM has signed and that names an address of the account.
   */
  readonly clientCertificates?: { readonly authoritiesFile: string };
  readonly queue?: QueueOptions;
  /** Directory for bodies above the inline limit (default: a temporary one) and that limit (default 64 KiB). */
  readonly spool?: { readonly directory?: string; readonly inlineOctetsMax?: number };
  /** DNS servers as `address` or `address:port`; the system's by default. */
  readonly dns?: {
    readonly servers?: readonly string[];
    /** Whether they validate DNSSEC and nobody can come between; by default when all are on this machine. */
    readonly trustsServers?: boolean;
  };
  /** Where `postroad` commands reach the running server: a unix socket, made with mode 0600. */
  readonly control?: { readonly socket: string };
  readonly log?: { readonly level?: 'debug' | 'info' | 'warn' | 'error' | 'silent' };
  /**
   * Processes that share the listeners and the work, `auto` for one per core; default 1. For `postroad start`: a server
   * that is composed in code has the process it is in.
   */
  readonly workers?: number | 'auto';
  /** How long connections and deliveries may take to finish at a stop or reload; default 30 seconds. */
  readonly drainMs?: number;
}

/** Writes a listener with its types checked; returns what it is given. */
export function listener(options: ListenerOptions): ListenerOptions {
  return options;
}
