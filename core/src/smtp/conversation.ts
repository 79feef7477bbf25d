/**
 * What commands and messages see of a session, and all that they may do with it. The session knows them, they know only
 * this: so everything in this folder points one way.
 */
import type { TLSSocket } from 'node:tls';
import type { ConnectionState } from '../context/connection.js';
import type { TransactionState } from '../context/transaction.js';
import type { MaybePromise } from '../hooks/kinds.js';
import type { ClientSocket } from '../services/listeners.js';
import type { Reply } from '../values/reply.js';
import type { SessionTimes } from './deadlines.js';
import type { ReceiverAnswer } from './receiver.js';
import type { ReceiverShared } from './receiver-shared.js';

/** The message under way, as a session sees it. */
export interface MessageUnderWay {
  readonly sizeBytes: number;
  /** A BDAT of this many octets begins. */
  beginChunk(octets: number, isLast: boolean): void;
  /** Takes data from the index on; returns the index of the next octet that has not been taken. */
  read(chunk: Buffer, at: number): number;
  /** Throws away what has come. */
  abort(): void;
}

/** One client's session. */
export interface Conversation {
  readonly shared: ReceiverShared;
  readonly client: ClientSocket;
  readonly peer: ConnectionState;
  readonly times: SessionTimes;
  readonly isTls: boolean;
  readonly isGone: boolean;
  /** Something has come that has not been read: for a client that had to wait, it is too early. */
  readonly hasMore: boolean;
  transaction: TransactionState | undefined;
  incoming: MessageUnderWay | undefined;
  /** RCPT commands of this transaction, refused ones too. */
  recipientsTried: number;
  /** Messages of this connection that came whole. */
  messages: number;
  /** DATA was refused just now: what is no command could be the message of a client that did not wait. */
  isDataRefused: boolean;
  /** XCLIENT has put another client in the place of the one that connected. */
  isForwarded: boolean;

  /** Appends a reply to those that leave with the next write. */
  say(reply: Reply): void;
  /** Appends text as it is. */
  write(text: string): void;
  /** A refusal of the protocol itself: said, counted, and told to observers. */
  refuse(at: string, reply: Reply, line?: string): void;
  /** Says an answer of policy. */
  give(answer: ReceiverAnswer): void;
  /** Goes on with an answer that may be a promise; no further command runs before it is there. */
  ask<T>(
    answer: MaybePromise<T>,
    settle: (session: Conversation, value: T) => void,
    failed?: (session: Conversation, error: unknown) => void,
  ): void;
  /** The next line goes here rather than to a command. */
  takeNextLine(take: (line: string) => void): void;
  /** What follows is not commands but the message under way. */
  readMessage(phase: 'data' | 'chunk'): void;
  /** What follows is commands again. */
  readCommands(): void;
  /** So many octets that follow are not looked at. */
  discard(octets: number): void;
  /** Forgets the transaction and what has come of its message. */
  endTransaction(): void;
  /** Says what is to be said and drops what has been read; from here on the socket is somebody else's. */
  letGo(): void;
  /** Takes the place of the plain socket. */
  adopt(socket: TLSSocket): void;
  /** Closes once what is said has been written; nothing more is read. */
  end(): void;
  /** Ends at once, without a word. */
  destroy(): void;
}
