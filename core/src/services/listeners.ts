/** Opening ports. Plugins that speak a protocol to clients get their sockets here, so that reloads can pass them on. */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ConnectionState, ListenerRole, Protocol } from '../context/connection.js';
import { token } from '../di/token.js';

/** `implicit` speaks TLS from the first octet; `starttls` lets the protocol upgrade; `none` never encrypts. */
export type ListenerTls = 'implicit' | 'starttls' | 'none';

/** What to listen on, and who serves the connections. */
export interface ListenOptions {
  /** For logs and limits, such as `imap`. */
  readonly name: string;
  readonly protocol: Protocol;
  readonly role: ListenerRole;
  /** Absent: all addresses. */
  readonly host?: string;
  /** 0 lets the system choose; see `OpenListener.port`. */
  readonly port: number;
  readonly tls: ListenerTls;
  /** Most connections at once; more are told `overloadText` and closed. */
  readonly connectionsMax?: number;
  /** Peers that send a PROXY header before anything else, and must: who else does is not believed. */
  readonly isProxy?: (address: string) => boolean;
  /** Sent before closing a connection over the limit, such as `* BYE too many connections\r\n`. */
  readonly overloadText?: string;
  /**
   * Serves one connection. The socket is already encrypted for `implicit`. It may throw: the socket is then destroyed
   * and the error logged. `signal` aborts when the server drains: finish what is under way and close.
   */
  serve(client: ClientSocket, signal: AbortSignal): void | Promise<void>;
}

/** A client's socket with its connection context. */
export interface ClientSocket {
  readonly socket: Socket | TLSSocket;
  readonly connection: ConnectionState;
  /**
   * Upgrades to TLS (STARTTLS) and resolves with the encrypted socket. Call it right after the positive answer has been
   * written; the caller must have dropped every octet read before (RFC 3207 section 4.2 and its like).
   */
  startTls(): Promise<TLSSocket>;
}

/** An open port. */
export interface OpenListener {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly protocol: Protocol;
  readonly role: ListenerRole;
  readonly tls: ListenerTls;
  /** Stops accepting; open connections are told through their signal. Resolves when the port is free. */
  close(): Promise<void>;
}

/** Opens ports. What a plugin opens in `onStart` is closed with its generation. */
export interface Listeners {
  listen(options: ListenOptions): Promise<OpenListener>;
  /** All open ports of this process. */
  open(): readonly OpenListener[];
}

/** The token of the listeners. */
export const Listeners = token<Listeners>('core.listeners');
