/** One POP3 session as its commands see it. */
import type {
  Authenticator,
  ClientSocket,
  Clock,
  ConnectionState,
  Counter,
  Logger,
  LoginFailures,
  MailboxStore,
} from '@postroad/core';
import type { Maildrop } from './maildrop.js';
import type { MaildropLocks } from './maildrop-locks.js';
import type { Pop3Limits } from './options.js';
import type { Scratch } from './scratch.js';
import type { Wire } from './wire.js';

/** What all sessions of a server share. */
export interface Pop3Server {
  readonly authenticator: Authenticator;
  readonly store: MailboxStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: Pop3Limits;
  readonly locks: MaildropLocks;
  readonly failures: LoginFailures;
  readonly markSeen: boolean;
  readonly refusesUtf8Messages: boolean;
  readonly retrieved: Counter;
  readonly scratch: Scratch;
  readonly readBuffer: Buffer | undefined;
}

/** What one port allows. */
export interface Pop3Port {
  readonly hasStartTls: boolean;
  readonly isPlaintextAuthAllowed: boolean;
}

/** A session as commands see it. */
export interface Session {
  readonly server: Pop3Server;
  readonly port: Pop3Port;
  readonly client: ClientSocket;
  readonly connection: ConnectionState;
  readonly wire: Wire;
  /** The name of USER, until the next command. */
  userName: string | undefined;
  /** Whether the client reads UTF-8 (RFC 6856). */
  isUtf8: boolean;
  loginFailures: number;
  /** Set in the TRANSACTION state. */
  maildrop: Maildrop | undefined;
  /** Set when the session is to end after this command. */
  isEnding: boolean;
}

/** A command: `argument` is what stands behind the first blank. It answers by writing. */
export type Command = (session: Session, argument: string) => void | Promise<void>;

/** Whether a name and password may be said now: never in clear text, unless the port says so. */
export function mayLogIn(session: Session): boolean {
  return session.connection.tls !== undefined || session.connection.mayShowPassword;
}
