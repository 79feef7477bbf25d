/** The authenticate stage as a service, the same for SMTP, IMAP and POP3. */
import type { Connection } from '../context/connection.js';
import { token } from '../di/token.js';
import type { MaybePromise } from '../hooks/kinds.js';
import type { Credentials, Identity } from '../values/identity.js';
import type { Reply } from '../values/reply.js';

/** `refused`: wrong, for good. `deferred`: can't be told now. Neither text says whether the login exists. */
export type AuthenticationResult =
  | { readonly status: 'granted'; readonly identity: Identity }
  | { readonly status: 'refused'; readonly reply: Reply }
  | { readonly status: 'deferred'; readonly reply: Reply };

/**
 * What a step of an exchange gives: something more for the client to answer, the end, or `malformed`: the response is
 * none of this mechanism's, and the exchange is over.
 */
export type SaslStep =
  | { readonly status: 'challenge'; readonly challenge: Uint8Array }
  | { readonly status: 'malformed' }
  | AuthenticationResult;

/**
 * One exchange (RFC 4422). The protocol around it does the framing: base64, continuation, `*`. Its last step is the
 * outcome; one that the client breaks off is just dropped.
 */
export interface SaslExchange {
  readonly mechanism: string;
  /** The client's response, decoded; `undefined` at the first step when it sent no initial one. Never rejects. */
  step(response: Uint8Array | undefined): MaybePromise<SaslStep>;
}

/** Runs the `credentials` hook, then the `Directory`. Never throws; a failure is `deferred`. */
export interface Authenticator {
  /**
   * The mechanisms to offer on this connection now, the strongest first: none before TLS unless the connection
   * `mayShowPassword`, -PLUS only where the channel can be bound.
   */
  mechanisms(connection: Connection): readonly string[];
  /** Begins an exchange; `undefined` when the mechanism is not one of those offered. The name ignores case. */
  start(connection: Connection, mechanism: string): SaslExchange | undefined;
  /** For protocols with a login command of their own; the caller has seen to it that a password may be shown. */
  authenticate(connection: Connection, credentials: Credentials): Promise<AuthenticationResult>;
}

/** The token of the authenticate stage. */
export const Authenticator = token<Authenticator>('core.authenticator');
