/** What became of a recipient in one delivery attempt. Serialisable. */
import type { Reply } from './reply.js';

/** Who answered. */
export interface RemoteHost {
  readonly name: string;
  readonly address?: string;
}

/** The outcome for one recipient. `failed` is final, `deferred` is retried, `delivered` is somebody else's care now. */
export interface RecipientOutcome {
  /** The recipient's index within the queued message. */
  readonly index: number;
  readonly status: 'delivered' | 'deferred' | 'failed';
  /** The remote's words, or ours where no remote spoke. */
  readonly reply: Reply;
  readonly remote?: RemoteHost;
  /** Set when the next hop takes over the duty to send DSNs (it offers DSN, RFC 3461 section 5.2.1). */
  readonly dsnPassedOn?: boolean;
}

/** How the attempt at TLS with one server went, for reports to its domain (RFC 8460). */
export interface TlsSessionResult {
  /** The recipients' domain, whose policy it was. */
  readonly domain: string;
  readonly policyType: 'sts' | 'tlsa' | 'no-policy-found';
  /** The policy as it was found, in lines. */
  readonly policyLines: readonly string[];
  /** The mail exchanger; absent when it is about the policy, whatever the server. */
  readonly host?: string;
  readonly address?: string;
  /** The result type of RFC 8460 section 4.3; absent when TLS was as it should be. */
  readonly failure?: string;
}

/** What a delivery plugin returns: one outcome for each recipient it was given; a missing one counts as deferred. */
export interface DeliveryReport {
  readonly outcomes: readonly RecipientOutcome[];
  /** Whether the TLS session was encrypted, and how, for logs and the message's timeline. */
  readonly tls?: string;
  /**
   * What was said to servers and by them, a line each, for the message's timeline: bounded, without passwords and without
   * the content of the message.
   */
  readonly transcript?: readonly string[];
  /** The attempts at TLS with mail exchangers. */
  readonly tlsSessions?: readonly TlsSessionResult[];
  /** Set when the site as a whole is not to be tried before this moment. */
  readonly siteRetryAtMs?: number;
  /**
   * Set when nothing was tried, for reasons of our own such as a limit of the source address: all recipients wait until
   * then, and it counts as no try. `outcomes` are not looked at.
   */
  readonly postponedUntilMs?: number;
}
