/** What a mechanism is: a pure machine of steps. No socket, no clock; what it needs of the world is in its context. */
import type { ChannelBindingType } from '../context/connection.js';
import type { MaybePromise } from '../hooks/kinds.js';
import type { ScramDirectory } from '../services/directory.js';
import type { ClientCertificate, Credentials } from '../values/identity.js';

/** What a step of a mechanism gives. */
export type MechanismStep =
  | { readonly status: 'challenge'; readonly challenge: Uint8Array }
  | { readonly status: 'malformed' }
  | CredentialsStep;

/** The client has shown all it has. */
export interface CredentialsStep {
  readonly status: 'credentials';
  readonly credentials: Credentials;
  /** Said when the login is granted; the client answers it with nothing. */
  readonly proof?: Uint8Array;
  /** Said before the refusal; whatever the client answers. */
  readonly refusal?: Uint8Array;
}

/** A mechanism under way. */
export interface Mechanism {
  /** What is said to a client without an initial response; empty where the client speaks first (RFC 4422 section 3). */
  readonly greeting: Uint8Array;
  /** Rejects only when the directory can't answer. */
  step(response: Uint8Array): MaybePromise<MechanismStep>;
}

/** What mechanisms ask of the connection and the server. */
export interface MechanismContext {
  /** A part of a nonce: printable ASCII without comma, never the same twice. */
  serverNonce(): string;
  readonly scram: ScramDirectory | undefined;
  /** Whether -PLUS was offered: a client that says it wasn't has been lied to. */
  readonly isPlusOffered: boolean;
  binding(type: ChannelBindingType): Uint8Array | undefined;
  readonly clientCertificate: ClientCertificate | undefined;
  /** What a client with a refused token is told (RFC 7628 section 3.2.2). */
  readonly bearerHints: { readonly scope?: string; readonly openIdConfiguration?: string };
  readonly signal: AbortSignal;
}

/** A response that is none of the mechanism's. */
export const malformed = Object.freeze({ status: 'malformed' }) satisfies MechanismStep;

/** No octets. */
export const nothing: Uint8Array = new Uint8Array(0);
