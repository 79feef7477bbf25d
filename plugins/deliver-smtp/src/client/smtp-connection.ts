/**
 * One connection to an SMTP or LMTP server: octets out, replies in, in order. It knows nothing of transactions. A
 * reply that nobody waits for, a line that is no reply and a wait that takes too long all end it: a connection that is
 * out of step must never carry another message.
 */
import type { Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import type { Clock, MaybePromise, Timer } from '@postroad/core';
import type { Capabilities } from './capabilities.js';
import { connectionLost, protocolBroken, RemoteError, type SessionStep } from './remote-error.js';
import { ReplyParser, replyOf, type ServerReply } from './reply-parser.js';
import { Transcript } from './transcript.js';

/** What a connection starts with. */
export interface SmtpConnectionOptions {
  readonly socket: Socket;
  readonly address: string;
  readonly host: string;
  readonly clock: Clock;
}

interface Waiter {
  readonly resolve: (reply: ServerReply) => void;
  readonly reject: (error: unknown) => void;
}

/** A connection. Used by one delivery at a time. */
export class SmtpConnection {
  readonly host: string;
  readonly address: string;
  /** What EHLO said last; empty before. */
  capabilities: Capabilities | undefined;
  /** Set once the connection is encrypted. */
  tls: TLSSocket | undefined;
  /** Whether the certificate was verified. */
  isVerified = false;
  /** What is said on it. */
  readonly transcript = new Transcript();
  /** Transactions begun. */
  transactions = 0;
  /** Set when a transaction was left open: RSET has to come before the next. */
  needsReset = false;
  readonly openedAtMs: number;
  /** Called once when the connection ends, for whatever reason. */
  onEnd: (() => void) | undefined;

  #socket: Socket;
  #parser = new ReplyParser();
  #replies: ServerReply[] = [];
  #waiter: Waiter | undefined;
  #drained: { readonly resolve: () => void; readonly reject: (error: unknown) => void } | undefined;
  /** Replies that are still to come; the greeting is the first. */
  #expected = 1;
  #error: unknown;
  #lastReply: ServerReply | undefined;
  #step: SessionStep = 'greeting';
  #timer: Timer | undefined;
  #timerAtMs = 0;
  #deadlineMs = Number.POSITIVE_INFINITY;
  readonly #clock: Clock;

  constructor(options: SmtpConnectionOptions) {
    this.host = options.host;
    this.address = options.address;
    this.#clock = options.clock;
    this.openedAtMs = options.clock.monotonic();
    this.#socket = options.socket;
    this.#listen(options.socket);
  }

  /** Whether it can carry another command: alive, in step, nothing unread. */
  get isUsable(): boolean {
    return (
      this.#error === undefined && this.#expected === 0 && this.#parser.isEmpty && this.#replies.length === 0
    );
  }

  /** Why it ended, once it has. */
  get error(): unknown {
    return this.#error;
  }

  /** Keeps the process alive or not while nothing is going on. */
  setIdle(isIdle: boolean): void {
    if (isIdle) this.#socket.unref();
    else this.#socket.ref();
  }

  /** Writes commands that will be answered with so many replies. */
  send(text: string, replies: number, step: SessionStep): void {
    this.#step = step;
    this.#expected += replies;
    this.transcript.sent(step === 'login' ? withoutSecrets(text) : text);
    if (this.#error === undefined) this.#socket.write(text, 'utf8');
  }

  /** Sends one command and waits for its reply. */
  async command(text: string, step: SessionStep, timeoutMs: number): Promise<ServerReply> {
    this.send(`${text}\r\n`, 1, step);
    return await this.reply(timeoutMs);
  }

  /** The next reply in order; one that is here already at once. */
  reply(timeoutMs: number): MaybePromise<ServerReply> {
    const ready = this.#replies.shift();
    if (ready !== undefined) return ready;
    if (this.#error !== undefined) return Promise.reject(this.#error);
    this.#setDeadline(timeoutMs);
    return new Promise<ServerReply>((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
  }

  /** Writes a part of a message; false when the peer does not keep up: wait for `drain` before going on. */
  write(bytes: Uint8Array): boolean {
    this.#step = 'data';
    return this.#error !== undefined || this.#socket.write(bytes);
  }

  /** Waits until the peer has taken what was written. */
  async drain(timeoutMs: number): Promise<void> {
    if (this.#error !== undefined) throw this.#error;
    this.#setDeadline(timeoutMs);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#drained = { resolve, reject };
      });
    } finally {
      this.#deadlineMs = Number.POSITIVE_INFINITY;
    }
  }

  /** Writes what ends the message, or a part of it that is answered; so many replies are due then. */
  endMessage(bytes: Uint8Array, replies: number): void {
    this.#step = 'final';
    this.#expected += replies;
    if (this.#error === undefined && bytes.length > 0) this.#socket.write(bytes);
  }

  /** Holds writes back until `uncork`, so that they leave in few packets. */
  cork(): void {
    this.#socket.cork();
  }

  /** Lets go of what `cork` held back. */
  uncork(): void {
    this.#socket.uncork();
  }

  /** Encrypts the connection. Rejects with a `RemoteError`, the connection is then ended. */
  async secure(options: ConnectionOptions, timeoutMs: number): Promise<void> {
    if (this.#error !== undefined) throw this.#error;
    this.#step = 'tls';
    const plain = this.#socket;
    // What stands behind the answer to STARTTLS was not encrypted: it may be anybody's (RFC 3207 section 6).
    if (!this.#parser.isEmpty || this.#replies.length > 0 || plain.readableLength > 0)
      throw this.end(protocolBroken('tls', 'the server speaks between STARTTLS and the handshake'));
    this.#ignore(plain);
    const socket = connectTls({ ...options, socket: plain, rejectUnauthorized: false });
    this.#socket = socket;
    this.#listen(socket);
    this.#setDeadline(timeoutMs);
    await new Promise<void>((resolve, reject) => {
      this.#waiter = { resolve: () => resolve(), reject };
      socket.once('secureConnect', resolve);
    });
    this.#waiter = undefined;
    this.#deadlineMs = Number.POSITIVE_INFINITY;
    this.tls = socket;
    this.isVerified = socket.authorized;
    this.capabilities = undefined;
  }

  /** Says goodbye without waiting for the answer. */
  quit(): void {
    if (this.isUsable) this.#socket.end('QUIT\r\n');
    this.end(connectionLost(this.#step, 'the connection was closed'), { isGraceful: true });
  }

  /** Ends it at once; everything that waits is rejected with the error. Returns the error it ended with. */
  end(error: unknown, options: { readonly isGraceful?: boolean } = {}): unknown {
    if (this.#error !== undefined) return this.#error;
    this.#error = error;
    if (options.isGraceful !== true) this.transcript.note(endText(error));
    this.#timer?.cancel();
    if (options.isGraceful !== true) this.#socket.destroy();
    // A goodbye that nobody takes must not hold the socket for ever.
    else this.#clock.after(1_000, () => this.#socket.destroy());
    this.#waiter?.reject(error);
    this.#drained?.reject(error);
    this.#waiter = undefined;
    this.#drained = undefined;
    this.onEnd?.();
    return error;
  }

  readonly #onData = (chunk: Buffer) => {
    if (this.#error !== undefined) return;
    const replies = this.#parser.push(chunk);
    if (typeof replies === 'string') {
      this.end(protocolBroken(this.#step, `the server does not speak SMTP: ${replies}`));
      return;
    }
    for (const reply of replies) this.#take(reply);
  };

  #take(reply: ServerReply): void {
    this.#lastReply = reply;
    this.transcript.heard(reply);
    if (this.#expected === 0) {
      this.end(this.#unasked(reply));
      return;
    }
    this.#expected--;
    const waiter = this.#waiter;
    if (waiter === undefined) {
      this.#replies.push(reply);
      return;
    }
    this.#waiter = undefined;
    this.#deadlineMs = Number.POSITIVE_INFINITY;
    waiter.resolve(reply);
  }

  /** A refusal that comes by itself (421, 552 in the middle of a message) counts; anything else is out of step. */
  #unasked(reply: ServerReply): RemoteError {
    if (reply.code < 400) return protocolBroken(this.#step, 'the server answered what was not asked');
    return new RemoteError(this.#step, replyOf(reply), { isQuoted: true });
  }

  readonly #onEnd = () => this.#lost(undefined);
  readonly #onError = (cause: unknown) => this.#lost(cause);

  #lost(cause: unknown): void {
    if (this.#error !== undefined) return;
    const last = this.#lastReply;
    // RFC 5321 section 3.8: 421 announces the end of the connection and tells why.
    if (last?.code === 421) this.end(new RemoteError(this.#step, replyOf(last), { isQuoted: true, cause }));
    else this.end(connectionLost(this.#step, lostText(this.#step), cause));
  }

  readonly #onDrain = () => {
    const drained = this.#drained;
    this.#drained = undefined;
    drained?.resolve();
  };

  #listen(socket: Socket): void {
    socket.on('data', this.#onData).on('drain', this.#onDrain);
    socket.on('error', this.#onError).on('end', this.#onEnd).on('close', this.#onEnd);
  }

  #ignore(socket: Socket): void {
    socket.off('data', this.#onData).off('drain', this.#onDrain);
    socket.off('end', this.#onEnd).off('close', this.#onEnd);
  }

  /** One timer for all waits: it is set again only when it fires too early, not for every reply. */
  #setDeadline(timeoutMs: number): void {
    this.#deadlineMs = this.#clock.monotonic() + timeoutMs;
    if (this.#timer === undefined || this.#deadlineMs < this.#timerAtMs) this.#arm(timeoutMs);
  }

  #arm(delayMs: number): void {
    this.#timer?.cancel();
    this.#timerAtMs = this.#clock.monotonic() + delayMs;
    this.#timer = this.#clock.after(delayMs, () => {
      this.#timer = undefined;
      const leftMs = this.#deadlineMs - this.#clock.monotonic();
      if (leftMs === Number.POSITIVE_INFINITY) return;
      if (leftMs > 0) this.#arm(leftMs);
      else this.end(connectionLost(this.#step, 'the server did not answer in time'));
    });
  }
}

function lostText(step: SessionStep): string {
  if (step === 'tls') return 'the TLS handshake failed';
  return step === 'final'
    ? 'the connection was lost before the server said whether it has the message'
    : 'the server closed the connection';
}

function endText(error: unknown): string {
  return error instanceof Error ? error.message : 'the connection was ended';
}

/** Of a login only its mechanism may be seen. */
function withoutSecrets(text: string): string {
  const [verb, mechanism] = text.split(/[ \r]/);
  return verb === 'AUTH' ? `AUTH ${mechanism} (hidden)` : '(hidden)';
}
