/**
 * One client's connection. It reads lines and data, runs commands one after another, and gathers the replies to
 * whatever came together into one write. It decides nothing: that is the policy's.
 */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ConnectionState } from '../context/connection.js';
import type { TransactionState } from '../context/transaction.js';
import type { MaybePromise } from '../hooks/kinds.js';
import type { ClientSocket } from '../services/listeners.js';
import { noteTls } from '../services/tls-channel.js';
import type { Reply } from '../values/reply.js';
import type { Conversation, MessageUnderWay } from './conversation.js';
import { SessionTimes } from './deadlines.js';
import { ErrorCount } from './error-count.js';
import { type ChunkTaker, readSocket } from './read-socket.js';
import type { ReceiverAnswer } from './receiver.js';
import type { ReceiverShared } from './receiver-shared.js';
import { replies } from './replies.js';
import { SessionOutput } from './session-output.js';
import { SessionReader } from './session-reader.js';
import { breakOff, goOnReading, greet, isPromise, sayNoAnswer } from './session-steps.js';
import { BaseConnection } from './smtp-server-base.js';

/** On the construction and the closing of `smtp-server`'s connection. */
export class ReceivingSession extends BaseConnection implements Conversation, ChunkTaker {
  readonly shared: ReceiverShared;
  readonly client: ClientSocket;
  readonly peer: ConnectionState;
  readonly signal: AbortSignal;
  transaction: TransactionState | undefined;
  incoming: MessageUnderWay | undefined;
  recipientsTried = 0;
  messages = 0;
  isGone = false;
  isDataRefused = false;
  isForwarded = false;
  readonly times: SessionTimes;
  readonly #released: () => void;
  readonly #reader = new SessionReader();
  readonly #output = new SessionOutput();
  readonly #errors = new ErrorCount();
  #isRunning = false;
  #isWaiting = false;
  /** Policy was asked about the connection, so it is told of its end. */
  #isKnown = false;
  #isEnding = false;
  #isDraining = false;
  #stopReading: (() => void) | undefined;

  constructor(shared: ReceiverShared, client: ClientSocket, signal: AbortSignal, released: () => void) {
    super(shared.host, client.socket, client.connection);
    this.shared = shared;
    this.client = client;
    this.peer = client.connection;
    this.peer.mayShowPassword = shared.options.isPlaintextAuthAllowed;
    this.signal = signal;
    this.#released = released;
    this.times = new SessionTimes(shared.nowMs);
  }
  get isTls(): boolean {
    return this.peer.tls !== undefined;
  }

  get hasMore(): boolean {
    return this.#reader.hasMore;
  }

  /** Listens to the socket and greets, unless policy refuses. */
  begin(): void {
    this.#listen(this._socket);
    this.#isDraining = this.signal.aborted;
    const { greetingDelayMs: delayMs, clock } = this.shared.options;
    this.ask(delayMs === 0 ? undefined : clock.sleep(delayMs), () => this.#connect());
    this.#run();
  }

  /** Appends a reply to those that leave with the next write. */
  say(reply: Reply): void {
    this.#output.add(reply);
    if (reply.code < 400) return;
    this.#errors.isPending = true;
    // RFC 5321 section 3.8: 421 says that the connection is closed.
    if (reply.code === 421) this.end();
  }

  /** A refusal of the protocol itself: said, counted, and told to observers. `line` is what is no command. */
  refuse(at: string, reply: Reply, line?: string): void {
    this.shared.counters.refusals.increase();
    this.shared.policy.refused(this.peer, this.transaction, at, reply, line);
    this.say(reply);
  }

  /** Says an answer of policy. An LMTP client is one of ours: that recipients are unknown is no misuse of it. */
  give(answer: ReceiverAnswer): void {
    const hadErred = this.#errors.isPending;
    this.say(answer.reply);
    if (this.shared.isLmtp) this.#errors.isPending = hadErred;
    if (answer.close === true) this.end();
  }

  write(text: string): void {
    this.#output.addText(text);
  }

  end(): void {
    this.#isEnding = true;
  }

  destroy(): void {
    this.#isEnding = true;
    this._socket.destroy();
    this.#leave();
  }

  ask<T>(
    answer: MaybePromise<T>,
    settle: (session: Conversation, value: T) => void,
    failed: (session: Conversation, error: unknown) => void = breakOff,
  ): void {
    if (!isPromise(answer)) {
      settle(this, answer);
      return;
    }
    this.#isWaiting = true;
    this.times.markWaiting(this.shared.nowMs);
    answer.then(
      (value) => this.#goOn(settle, value),
      (error) => this.#goOn(failed, error),
    );
  }

  takeNextLine(take: (line: string) => void): void {
    this.#reader.nextLine = take;
  }

  readMessage(phase: 'data' | 'chunk'): void {
    this.times.begin(phase, this.shared.nowMs);
  }

  discard(octets: number): void {
    this.#reader.discarding = octets;
  }

  readCommands(): void {
    this.times.begin('command', this.shared.nowMs);
  }

  endTransaction(): void {
    this.incoming?.abort();
    this.incoming = undefined;
    this.transaction = undefined;
    this.recipientsTried = 0;
    this.times.markTransaction(undefined);
  }

  letGo(): void {
    this.#flush();
    this.#stopReading?.();
    this._socket.off('end', this.#onEnd);
    this.#reader.clear();
  }

  adopt(socket: TLSSocket): void {
    this._socket = socket;
    if (this.peer.tls === undefined) noteTls(this.peer, socket);
    this.readCommands();
    this.#listen(socket);
  }

  /** The server stops: 421 at the next command boundary. */
  drain(): void {
    this.#isDraining = true;
    this.#run();
  }

  /** Ends the session when one of its deadlines has passed. */
  checkDeadlines(nowMs: number) {
    if (this.#isEnding) return;
    const { limits } = this.shared.options;
    const reply = this.times.passed(limits, nowMs, this.incoming?.sizeBytes ?? 0, this.#isWaiting);
    if (reply === undefined) return;
    this.shared.counters.timeouts.increase();
    if (reply === replies.noAnswer) {
      sayNoAnswer(this);
      this.#flush();
      this._socket.destroySoon();
      return this.#leave();
    }
    if (this.#isWaiting) return this.destroy();
    this.refuse('deadline', reply);
    this.endTransaction();
    this.#run();
  }

  /** We read the socket ourselves: `smtp-server`'s parser steps through every octet. */
  override _createParser(): never {
    return undefined as never;
  }

  #connect() {
    if (this.isGone) return;
    // RFC 5321 section 4.3.1: the client waits for the greeting; asked for, this is checked.
    if (this.#reader.hasInput) {
      this.refuse('greeting', replies.talksFirst);
      return this.end();
    }
    this.#isKnown = true;
    this.ask(this.shared.policy.connect(this.peer), greet);
  }

  #listen(socket: Socket): void {
    // Who says that nothing more comes still reads the replies to what came before: Exim ends so behind QUIT.
    socket.allowHalfOpen = true;
    socket.on('end', this.#onEnd);
    socket.on('error', () => this.destroy());
    socket.on('close', () => this.#leave());
    this.#stopReading = readSocket(socket, this.shared.readBuffer, this);
  }

  takeChunk(chunk: Buffer, isShared: boolean): void {
    if (this.#isEnding) return;
    this.#reader.push(chunk, isShared, this._socket);
    this.peer.hasTalkedEarly ||= this.times.phase === 'greeting';
    if (!this.#isWaiting) this.#run();
    if (isShared) this.#reader.keepRest();
  }

  readonly #onEnd = (): void => {
    this.#reader.hasEnded = true;
    this.#run();
  };

  #goOn<T>(settle: (session: Conversation, value: T) => void, value: T): void {
    this.#isWaiting = false;
    try {
      settle(this, value);
    } catch (error) {
      breakOff(this, error);
    }
    this.#run();
  }

  #run(): void {
    if (this.#isRunning || this.#isWaiting) return;
    this.#isRunning = true;
    try {
      do {
        const isTooMany = this.#errors.reaches(this.shared.options.limits.errorsMax) && !this.#isEnding;
        if (isTooMany) this.refuse('errors', replies.tooManyErrors);
      } while (!this.#isWaiting && !this.#isEnding && this.#reader.readSome(this, this.#isDraining));
    } catch (error) {
      // A mistake of ours becomes an answer, never a connection that hangs.
      breakOff(this, error);
    }
    this.#isRunning = false;
    this.#writeOut();
  }

  #writeOut(): void {
    if (this.isGone) return;
    if (this.#isWaiting) {
      // An answer often comes within this turn of the event loop and then shares the write.
      if (!this.#output.isEmpty) setImmediate(() => this.#flush());
      return;
    }
    this.#flush();
    if (this.#isEnding) this.close();
    else this.#reader.resume();
  }

  #flush(): void {
    const isRead = this.isGone || this.#output.flush(this._socket);
    if (isRead || this.#isWaiting || this.#isEnding) return;
    // A client that sends commands and never reads the replies waits until it has.
    this.times.begin('unread', this.shared.nowMs);
    this.ask(once(this._socket, 'drain'), goOnReading, (session) => session.destroy());
  }

  #leave(): void {
    if (this.isGone) return;
    this.isGone = true;
    this.#isEnding = true;
    clearTimeout(this._closeTimer);
    this.#reader.clear();
    this.incoming?.abort();
    this.peer.close();
    this.#released();
    if (this.#isKnown) this.shared.policy.closed(this.peer);
  }
}
