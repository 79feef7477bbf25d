/** The authenticate stage as a service, the same for SMTP, IMAP and POP3. */
import type { Connection } from '../context/connection.js';
import { token } from '../di/token.js';
import type { Credentials, Identity } from '../values/identity.js';
import type { Reply } from '../values/reply.js';

/** `refused`: wrong, for good. `deferred`: can't be told now. Neither text says whether the login exists. */
export type AuthenticationResult =
  | { readonly status: 'granted'; readonly identity: Identity }
  | { readonly status: 'refused'; readonly reply: Reply }
  | { readonly status: 'deferred'; readonly reply: Reply };

/** Runs the `credentials` hook, then the `Directory`. Never throws; a failure is `deferred`. */
export interface Authenticator {
  authenticate(connection: Connection, credentials: Credentials): Promise<AuthenticationResult>;
}

/** The token of the authenticate stage. */
export const Authenticator = token<Authenticator>('core.authenticator');
