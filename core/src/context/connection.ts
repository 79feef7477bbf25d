/** One client connection, whatever its protocol. Made by the core; plugins read it and hang typed state on it. */
import type { ClientCertificate, Identity } from '../values/identity.js';
import { State } from './key.js';

/** What is spoken on a connection. `code` is a message handed in by `mta.submit`. */
export type Protocol = 'smtp' | 'lmtp' | 'imap' | 'pop3' | 'http' | 'code' | (string & {});

/** What a listener is for: `relay` is port 25, `submission` needs a login, `lmtp` is RFC 2033, `access` reads mail. */
export type ListenerRole = 'relay' | 'submission' | 'lmtp' | 'access' | 'internal';

/** The encryption of a connection. */
export interface TlsFacts {
  /** Such as `TLSv1.3`. */
  readonly version: string;
  /** Such as `TLS_AES_256_GCM_SHA384`. */
  readonly cipher: string;
  /** The name asked for by SNI. */
  readonly serverName?: string;
}

/** The channel bindings that there are (RFC 9266, RFC 5929). */
export type ChannelBindingType = 'tls-exporter' | 'tls-server-end-point';

/** What ties a login to the encrypted channel it is made on. */
export interface TlsChannel {
  /** The octets of a binding; `undefined` when this channel does not have it. */
  binding(type: ChannelBindingType): Uint8Array | undefined;
  /** The client's certificate, if it showed one that is trusted. */
  readonly clientCertificate: ClientCertificate | undefined;
}

/** What a connection is made of at its start. */
export interface ConnectionFacts {
  readonly id: string;
  readonly protocol: Protocol;
  readonly role: ListenerRole;
  /** The listener's name. */
  readonly listener: string;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly openedAtMs: number;
}

/** A connection as plugins see it. */
export interface Connection extends Readonly<ConnectionFacts> {
  /** Set once the connection is encrypted. */
  readonly tls: TlsFacts | undefined;
  /** Set with `tls`. */
  readonly channel: TlsChannel | undefined;
  /** Whether a password may be shown without TLS: the listener is bound to loopback and says so. */
  readonly mayShowPassword: boolean;
  /** What the client calls itself (EHLO, HELO, LHLO); empty before. */
  readonly helloName: string;
  /** Whether EHLO or LHLO was said rather than HELO. */
  readonly isExtended: boolean;
  /** Made by `postroad try`: nothing that is learnt from it is remembered, nothing of it is counted. */
  readonly isTrial: boolean;
  /** Whether the client said something before it was greeted (RFC 5321 section 3.1). */
  readonly hasTalkedEarly: boolean;
  /** Whether it sent on behind a command whose answer it must wait for (RFC 2920 section 3.1): EHLO, HELO, DATA. */
  readonly hasPipelinedBadly: boolean;
  /** Set once the client has logged in. */
  readonly identity: Identity | undefined;
  /** Aborts when the connection is gone. */
  readonly signal: AbortSignal;
  get: State['get'];
  set: State['set'];
}

/** The writable side, for receivers and access servers. */
export class ConnectionState extends State implements Connection {
  readonly id: string;
  readonly protocol: Protocol;
  readonly role: ListenerRole;
  readonly listener: string;
  remoteAddress: string;
  remotePort: number;
  localAddress: string;
  localPort: number;
  readonly openedAtMs: number;
  tls: TlsFacts | undefined;
  channel: TlsChannel | undefined;
  mayShowPassword = false;
  helloName = '';
  isExtended = false;
  isTrial = false;
  hasTalkedEarly = false;
  hasPipelinedBadly = false;
  identity: Identity | undefined;
  #controller: AbortController | undefined;
  #isClosed = false;

  constructor(facts: ConnectionFacts) {
    super();
    this.id = facts.id;
    this.protocol = facts.protocol;
    this.role = facts.role;
    this.listener = facts.listener;
    this.remoteAddress = facts.remoteAddress;
    this.remotePort = facts.remotePort;
    this.localAddress = facts.localAddress;
    this.localPort = facts.localPort;
    this.openedAtMs = facts.openedAtMs;
  }

  get signal(): AbortSignal {
    // Made at first use: most connections never need one.
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#isClosed) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  /** Marks the connection as gone and aborts its signal. */
  close(): void {
    this.#isClosed = true;
    this.#controller?.abort();
  }
}
