/** Who is logged in, what they showed for it, and the account behind an address. */
import type { MailAddress } from './address.js';

/** A proven identity. `accountId` is the key under which the stores keep the mail; it never changes. */
export interface Identity {
  readonly accountId: string;
  /** The name used to log in, as the directory spells it. */
  readonly login: string;
  /** The SASL mechanism, or `'code'`. */
  readonly mechanism: string;
}

/** What a client shows to prove who it is, by the kind of proof. */
export type Credentials = PasswordCredentials | ScramCredentials | BearerCredentials | CertificateCredentials;

/** What all credentials have. */
export interface CommonCredentials {
  /** The SASL mechanism, such as `PLAIN`; `USER` and `LOGIN` for commands of that name. */
  readonly mechanism: string;
  /** The name that the client logs in with; empty when a token or a certificate says it. */
  readonly login: string;
  /** Whom the client wants to act for (RFC 4422 section 3.4.1); empty when not said. */
  readonly authorizationId: string;
}

/** A name and a password (PLAIN of RFC 4616, LOGIN, USER and PASS). The password must never be logged. */
export interface PasswordCredentials extends CommonCredentials {
  readonly kind: 'password';
  readonly password: string;
}

/** The end of a SCRAM exchange (RFC 5802). The keys were needed before it: they come from the `Directory`. */
export interface ScramCredentials extends CommonCredentials {
  readonly kind: 'scram';
  /** The account whose keys the client knows; `undefined` when it does not know them, or there is no such login. */
  readonly provenAccount: Account | undefined;
}

/** A bearer token (RFC 6750) by OAUTHBEARER or XOAUTH2. The token must never be logged. */
export interface BearerCredentials extends CommonCredentials {
  readonly kind: 'bearer';
  readonly token: string;
}

/** EXTERNAL (RFC 4422 appendix A) by the certificate that the client showed in the TLS handshake. */
export interface CertificateCredentials extends CommonCredentials {
  readonly kind: 'certificate';
  readonly certificate: ClientCertificate;
}

/** A client's certificate: valid now, of one of the authorities that are trusted for clients. */
export interface ClientCertificate {
  readonly subject: string;
  /** SHA-256 of the certificate, as `AB:CD:...`. */
  readonly fingerprint256: string;
  /** The mail addresses among the subject's alternative names (RFC 8550 section 3). */
  readonly emails: readonly string[];
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
  /** The protocols it may log in with, such as `imap` and `smtp`; all when absent. */
  readonly protocols?: readonly string[];
}
