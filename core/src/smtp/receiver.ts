/**
 * The border between the SMTP and LMTP protocol (this folder) and policy (the receive stage). A receiver knows
 * commands, replies, order, limits and octets; it decides nothing about who may send what to whom.
 */

import type { Body } from '../body/body.js';
import type { Connection, ConnectionState } from '../context/connection.js';
import type { Transaction, TransactionState } from '../context/transaction.js';
import type { MaybePromise } from '../hooks/kinds.js';
import type { Authenticator } from '../services/authenticator.js';
import type { Clock } from '../services/clock.js';
import type { ClientSocket, ListenerTls } from '../services/listeners.js';
import type { Logger } from '../services/logger.js';
import type { MemoryShare } from '../services/memory-share.js';
import type { Metrics } from '../services/metrics.js';
import type { BodyWriter } from '../services/spool.js';
import type { ReversePath } from '../values/address.js';
import type { EnvelopeParameters, EnvelopeRecipient } from '../values/envelope.js';
import type { Identity } from '../values/identity.js';
import type { Reply } from '../values/reply.js';
import type { Attributed } from '../values/verdict.js';

/** What to say, and whether to close the connection behind it; who decided it and why are for logs and observers. */
export interface ReceiverAnswer extends Attributed {
  readonly reply: Reply;
  readonly close?: boolean;
}

/** The answer to MAIL: a transaction when it was accepted. */
export interface BeginAnswer extends ReceiverAnswer {
  readonly transaction?: TransactionState;
}

/**
 * Policy, asked by a receiver. No method throws or rejects, none hangs: the receive stage has seen to that. A method
 * that can answer at once returns the answer itself, not a promise.
 */
export interface ReceiverPolicy {
  /** Which mechanisms there are, and their exchanges. */
  readonly logins: Pick<Authenticator, 'mechanisms' | 'start'>;
  /**
   * Before the greeting; a refusal is said instead of it. `undefined`: greet. Asked again for the same connection
   * after XCLIENT has changed who the client is.
   */
  connect(connection: ConnectionState): MaybePromise<ReceiverAnswer | undefined>;
  /** The identity of a login that a trusted proxy vouches for (XCLIENT LOGIN), or why it is none. */
  vouch(connection: ConnectionState, login: string): MaybePromise<Identity | ReceiverAnswer>;
  /** After EHLO, HELO, LHLO; `undefined`: say the extensions. */
  hello(connection: ConnectionState, name: string): MaybePromise<ReceiverAnswer | undefined>;
  begin(
    connection: ConnectionState,
    reversePath: ReversePath,
    parameters: EnvelopeParameters,
  ): MaybePromise<BeginAnswer>;
  /** Adds the recipient to the transaction when it answers 2yz. */
  recipient(transaction: TransactionState, recipient: EnvelopeRecipient): MaybePromise<ReceiverAnswer>;
  /** Before the 354 (or the first BDAT); `undefined`: go on. */
  dataStart(transaction: TransactionState): MaybePromise<ReceiverAnswer | undefined>;
  /** Where the octets go. */
  body(transaction: TransactionState): BodyWriter;
  /**
   * The message is whole; the policy owns the body from here. LMTP wants an answer for each recipient in order, SMTP
   * the first. Answers 2yz only once the message is durable.
   */
  message(transaction: TransactionState, body: Body): MaybePromise<readonly ReceiverAnswer[]>;
  /** Something was refused by the protocol itself, for observers and metrics. */
  refused(
    connection: Connection,
    transaction: Transaction | undefined,
    at: string,
    reply: Reply,
    /** The line that is no command, an octet a character. */
    line?: string,
  ): void;
  /** The connection is gone; called once for a connection that `connect` was asked about. */
  closed(connection: ConnectionState): void;
}

/** Limits of one listener; every one can be configured. Absolute deadlines, not idle times, where not said otherwise. */
export interface ReceiverLimits {
  /** Largest message in octets (RFC 1870). */
  readonly sizeBytesMax: number;
  readonly recipientsMax: number;
  readonly messagesPerConnectionMax: number;
  /** Bad or refused commands before the connection is closed with 421. */
  readonly errorsMax: number;
  readonly commandOctetsMax: number;
  /** Received fields before a message counts as looping (RFC 5321 section 6.3). */
  readonly hopsMax: number;
  readonly headerOctetsMax: number;
  /** How long the client may be silent between commands (RFC 5321 section 4.5.3.2.7). */
  readonly commandTimeoutMs: number;
  /** Longest time without an octet while data is sent. */
  readonly dataIdleTimeoutMs: number;
  /** Octets a second that data must have on average after the first half minute. */
  readonly dataRateMin: number;
  /**
   * Longest time that hooks, services, the queue or the disk may take for one answer; then the client is told 421. Hooks
   * have deadlines of their own, which are shorter.
   */
  readonly answerTimeoutMs: number;
  /** From MAIL to the end of the message. */
  readonly transactionTimeoutMs: number;
  readonly connectionTimeoutMs: number;
  /** Longest hold of FUTURERELEASE (RFC 4865), for submission; 0 does not offer it. */
  readonly holdMsMax: number;
  readonly connectionsMax: number;
  /** Per client address, and per network (/24, /64). */
  readonly connectionsPerAddressMax: number;
  readonly connectionsPerNetworkMax: number;
  /** Part of the memory that the process may use, above which new connections and messages are put off; 1 never. */
  readonly memoryShareMax: number;
}

/** The defaults of `ReceiverLimits`. */
export const defaultReceiverLimits: ReceiverLimits = Object.freeze({
  sizeBytesMax: 52_428_800,
  recipientsMax: 1_000,
  messagesPerConnectionMax: 10_000,
  errorsMax: 20,
  commandOctetsMax: 4_096,
  hopsMax: 100,
  headerOctetsMax: 1_048_576,
  commandTimeoutMs: 300_000,
  dataIdleTimeoutMs: 180_000,
  dataRateMin: 500,
  // RFC 5321 section 4.5.3.2.6: no client waits longer.
  answerTimeoutMs: 600_000,
  transactionTimeoutMs: 3_600_000,
  connectionTimeoutMs: 7_200_000,
  holdMsMax: 2_592_000_000,
  connectionsMax: 10_000,
  connectionsPerAddressMax: 1_000,
  connectionsPerNetworkMax: 2_000,
  memoryShareMax: 0.85,
});

/** What other processes count on the same port. Theirs is a moment old: a limit may be passed by a few. */
export interface CountShare {
  /** Tells the others; an empty address counts in all only. */
  tell(address: string, by: 1 | -1): void;
  readonly others: {
    readonly total: number;
    of(address: string): number;
    inNetwork(network: string): number;
  };
}

/** What a receiver is made with. */
export interface ReceiverOptions {
  /** The listener's name, for metrics: receivers of one name share their counters. */
  readonly name?: string;
  readonly hostname: string;
  readonly protocol: 'smtp' | 'lmtp';
  readonly tls: ListenerTls;
  /** MAIL is refused with 530 before TLS (RFC 3207 section 4). */
  readonly isTlsRequired: boolean;
  /** Whether AUTH is offered; never before TLS unless `isPlaintextAuthAllowed`. */
  readonly hasAuth: boolean;
  readonly isPlaintextAuthAllowed: boolean;
  /** `strict` refuses bare CR and LF and whatever RFC 5321 forbids; `legacy` mends what can be mended safely. */
  readonly profile: 'strict' | 'legacy';
  /** Waits this long before the greeting and turns away who talks first; 0 greets at once. */
  readonly greetingDelayMs: number;
  /** Who may say by XCLIENT and XFORWARD whom it speaks for; nobody when absent. */
  readonly isTrustedForwarder?: (address: string) => boolean;
  readonly limits: ReceiverLimits;
  /** What other processes count on the same port, when there are any. */
  readonly countShare?: CountShare;
  /** How full the memory is; the process's own when absent. */
  readonly memory?: MemoryShare;
  readonly policy: ReceiverPolicy;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** Speaks SMTP or LMTP on sockets it is given. */
export interface Receiver {
  /** Serves one connection until it ends; `signal` asks to say 421 at the next command boundary. */
  serve(client: ClientSocket, signal: AbortSignal): void;
}
