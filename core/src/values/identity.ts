/** Who is logged in, what they showed for it, and the account behind an address. */
import type { MailAddress } from './address.js';

/** A proven identity. `accountId` is the key under which the stores keep the mail; it never changes. */
export interface Identity {
  readonly accountId: string;
  /** The name used to log in, as the directory spells it. */
  readonly login: string;
  /** The SASL mechanism, `'external'` or `'code'`. */
  readonly mechanism: string;
}

/** What a client shows to prove who it is. */
export type Credentials = PasswordCredentials;

/** A name and a password (PLAIN of RFC 4616, LOGIN, USER and PASS). The password must never be logged. */
export interface PasswordCredentials {
  readonly kind: 'password';
  readonly mechanism: string;
  readonly login: string;
  readonly password: string;
  /** Whom the client wants to act for (RFC 4616 authzid); empty when not said. */
  readonly authorizationId: string;
}

/** An account of the directory. */
export interface Account {
  /** Stable key: never reused, never changed. Letters, digits, `.`, `_`, `-`, `@`, `+`. */
  readonly id: string;
  /** The name to log in with. */
  readonly login: string;
  /** Every address that delivers to it and that it may send as; the first is the main one. */
  readonly addresses: readonly MailAddress[];
  readonly isDisabled: boolean;
  /** Storage limit in octets; absent when there is none. */
  readonly quotaBytes?: number;
}
