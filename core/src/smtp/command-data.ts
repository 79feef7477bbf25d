/** DATA: from the 354 to the answer behind the message (RFC 5321 section 4.1.1.4). */
import type { Body } from '../body/body.js';
import type { TransactionState } from '../context/transaction.js';
import type { BodyWriter } from '../services/spool.js';
import type { Reply } from '../values/reply.js';
import { countHops } from './count-hops.js';
import { DataScanner } from './data-scanner.js';
import type { ReceiverAnswer } from './receiver.js';
import { replies } from './replies.js';
import type { ReceivingSession } from './session.js';

/** Above the size limit by this much the rest is not waited for: the answer is given and the connection closed. */
const oversizeOctetsMax = 4_194_304;

/** Asks policy whether the message may come, then says 354. */
export function startData(session: ReceivingSession, argument: string) {
  if (argument !== '') return session.refuse('DATA', replies.syntax);
  const refusal = outOfOrder(session);
  if (refusal !== undefined) return session.refuse('DATA', refusal);
  session.ask(session.shared.policy.dataStart(session.transaction as TransactionState), started);
}

/** Why no message may come now, for DATA and BDAT. */
export function messageRefusal(session: ReceivingSession): Reply | undefined {
  const { transaction } = session;
  if (transaction === undefined) return replies.mailFirst;
  if (transaction.recipients.length > 0) return undefined;
  // RFC 5321 section 3.3: 554 when all recipients were refused, 503 when none was named.
  return session.recipientsTried > 0 ? replies.noRecipients : replies.recipientFirst;
}

function outOfOrder(session: ReceivingSession): Reply | undefined {
  const refusal = messageRefusal(session);
  if (refusal !== undefined) return refusal;
  // RFC 3030 section 3: only BDAT can carry lines of any kind.
  return session.transaction?.parameters.bodyType === 'binarymime' ? replies.binaryNeedsBdat : undefined;
}

function started(session: ReceivingSession, answer: ReceiverAnswer | undefined) {
  if (answer !== undefined) {
    session.endTransaction();
    return session.give(answer);
  }
  session.incoming = new IncomingMessage(session);
  session.say(replies.startData);
  session.readMessage('data');
}

/** The message on its way from the socket to the body: measured, judged, and dropped when it can't be accepted. */
export class IncomingMessage {
  sizeBytes = 0;
  readonly #session: ReceivingSession;
  readonly #scanner = new DataScanner();
  #writer: BodyWriter | undefined;
  /** Certain already, said at the end of the data. */
  #refusal: Reply | undefined;

  constructor(session: ReceivingSession) {
    this.#session = session;
    this.#writer = session.shared.policy.body(session.transaction as TransactionState);
    this.#scanner.start(this, !session.shared.isStrict);
  }

  /** Takes data from the index on; returns the index of the next octet that has not been taken. */
  read(chunk: Buffer, at: number): number {
    const end = this.#scanner.scan(chunk, at);
    this.#judge();
    if (end >= 0) {
      this.#session.readCommands();
      this.#complete();
      return end;
    }
    if (this.#isHopeless()) {
      refuseMessage(this.#session, replies.tooLarge);
      this.#session.end();
    } else if (this.#scanner.isSinkFull && this.#writer !== undefined) {
      this.#session.ask(this.#writer.drained(), nothing);
    }
    return chunk.length;
  }

  /** Takes octets of the message; `false` asks for a pause. */
  write(chunk: Uint8Array): boolean {
    this.sizeBytes += chunk.length;
    if (this.#writer === undefined) return true;
    if (this.sizeBytes <= this.#session.shared.options.limits.sizeBytesMax) return this.#writer.write(chunk);
    this.#refuse(replies.tooLarge);
    return true;
  }

  /** Throws away what has come. */
  abort(): void {
    const writer = this.#writer;
    this.#writer = undefined;
    // Never rejects, and nobody has to wait for it.
    if (writer !== undefined) void writer.abort();
  }

  #judge(): void {
    // RFC 5321 section 2.3.8, section 4.5.3: what no two servers read alike is not passed on.
    if (!this.#session.shared.isStrict) return;
    if (this.#scanner.hasBareLineEnd) this.#refuse(replies.bareInData);
    else if (this.#scanner.hasNul) this.#refuse(replies.nulInData);
  }

  #refuse(refusal: Reply): void {
    this.#refusal ??= refusal;
    this.abort();
  }

  #isHopeless(): boolean {
    return this.sizeBytes > this.#session.shared.options.limits.sizeBytesMax + oversizeOctetsMax;
  }

  /** The message is whole: gives the body to policy and its answers to the client. */
  #complete() {
    const session = this.#session;
    const writer = this.#writer;
    this.#writer = undefined;
    if (this.#refusal === undefined && writer !== undefined) {
      return session.ask(writer.finish(), bodyComplete, spoolFailed);
    }
    refuseMessage(session, this.#refusal ?? replies.localError);
    // Whoever sends bare line ends may hope that the next lines are taken for commands.
    if (this.#refusal === replies.bareInData) session.end();
  }
}

function nothing(): void {}

function bodyComplete(session: ReceivingSession, body: Body): void {
  const { transaction, shared } = session;
  const refusal = bodyRefusal(session, body);
  if (refusal !== undefined || transaction === undefined || session.isGone) {
    session.ask(body.release(), () => refuseMessage(session, refusal ?? replies.localError));
    return;
  }
  session.messages++;
  shared.counters.messages.increase();
  session.ask(shared.policy.message(transaction, body), answered);
}

function bodyRefusal(session: ReceivingSession, body: Body): Reply | undefined {
  const { limits } = session.shared.options;
  const isCut = body.headerSizeBytes >= limits.headerOctetsMax;
  if (isCut) return replies.headerTooLarge;
  // RFC 5321 section 6.3: a message that has passed so many servers goes round in circles.
  return countHops(body.headerBytes) > limits.hopsMax ? replies.loop : undefined;
}

function answered(session: ReceivingSession, answers: readonly ReceiverAnswer[]): void {
  // RFC 2033 section 4.2: LMTP has one answer for each recipient, in order.
  const wanted = session.shared.isLmtp ? (session.transaction?.recipients.length ?? 1) : 1;
  session.endTransaction();
  for (let index = 0; index < wanted; index++) {
    session.give(answers[index] ?? { reply: replies.localError });
  }
}

function spoolFailed(session: ReceivingSession, error: unknown): void {
  session.shared.options.log.error('a message could not be spooled', { error, connection: session.peer.id });
  refuseMessage(session, replies.spoolFailed);
}

/** Refuses the whole message: once, or once for each recipient in LMTP. */
export function refuseMessage(session: ReceivingSession, refusal: Reply): void {
  const times = session.shared.isLmtp ? (session.transaction?.recipients.length ?? 1) : 1;
  for (let index = 1; index < times; index++) session.say(refusal);
  session.refuse('DATA', refusal);
  session.endTransaction();
}
