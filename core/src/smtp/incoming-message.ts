/** A message on its way in, by DATA or by BDAT. */
import type { TransactionState } from '../context/transaction.js';
import type { BodyWriter } from '../services/spool.js';
import type { Reply } from '../values/reply.js';
import type { Conversation } from './conversation.js';
import { DataScanner } from './data-scanner.js';
import { bodyComplete, refuseMessage, spoolFailed } from './message-answers.js';
import { replies } from './replies.js';

/** Above the size limit by this much the rest is not waited for: the answer is given and the connection closed. */
const oversizeOctetsMax = 4_194_304;

/** The message on its way from the socket to the body: measured, judged, and dropped when it can't be accepted. */
export class IncomingMessage {
  sizeBytes = 0;
  readonly #session: Conversation;
  readonly #scanner: DataScanner | undefined;
  #writer: BodyWriter | undefined;
  #isFull = false;

  /** Octets of the present BDAT that are still to come, and whether it is the last. */
  #chunkOctets = 0;
  #isLastChunk = false;

  /** `binary`: the octets are taken as they are (RFC 3030 section 3). */
  constructor(session: Conversation, kind: 'data' | 'chunks' | 'binary') {
    this.#session = session;
    this.#writer = session.shared.policy.body(session.transaction as TransactionState);
    if (kind === 'binary') return;
    this.#scanner = new DataScanner();
    this.#scanner.start(this, { mends: !session.shared.isStrict, hasDots: kind === 'data' });
  }

  /** A BDAT of this many octets begins. */
  beginChunk(octets: number, isLast: boolean): void {
    this.#chunkOctets = octets;
    this.#isLastChunk = isLast;
    if (octets === 0) this.#endChunk();
  }

  /** Takes data from the index on; returns the index of the next octet that has not been taken. */
  read(chunk: Buffer, at: number): number {
    return this.#session.times.phase === 'data' ? this.#readData(chunk, at) : this.#readChunk(chunk, at);
  }

  /** Takes octets of the message; `false` asks for a pause. */
  write(chunk: Uint8Array): boolean {
    this.sizeBytes += chunk.length;
    return this.#writer === undefined || this.#writer.write(chunk);
  }

  /** Throws away what has come. */
  abort(): void {
    const writer = this.#writer;
    this.#writer = undefined;
    // Never rejects, and nobody has to wait for it.
    if (writer !== undefined) void writer.abort();
  }

  #readData(chunk: Buffer, at: number): number {
    const end = this.#scanner?.scan(chunk, at) ?? -1;
    if (end >= 0) {
      this.#session.readCommands();
      this.#complete();
      return end;
    }
    this.#holdUp();
    return chunk.length;
  }

  #readChunk(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#chunkOctets);
    const octets = chunk.subarray(at, end);
    this.#chunkOctets -= octets.length;
    if (this.#scanner === undefined) this.#isFull = !this.write(octets);
    else this.#scanner.scan(octets, 0);
    if (this.#chunkOctets === 0) this.#endChunk();
    else this.#holdUp();
    return end;
  }

  /** RFC 3030 section 2: every BDAT is answered, the last one for the message. */
  #endChunk() {
    this.#session.readCommands();
    if (!this.#isLastChunk && this.#refusal() === undefined) return this.#session.say(replies.chunk);
    if (this.#isLastChunk) this.#scanner?.finish();
    this.#complete();
  }

  /** Too much has come: for us to go on at all, or for the disk to follow. */
  #holdUp(): void {
    const session = this.#session;
    // What will be refused is read on to its end, but nothing of it is kept.
    if (this.#refusal() !== undefined) this.abort();
    if (this.sizeBytes > session.shared.options.limits.sizeBytesMax + oversizeOctetsMax) {
      refuseMessage(session, replies.tooLarge);
      session.end();
    } else if ((this.#scanner?.isSinkFull ?? this.#isFull) && this.#writer !== undefined) {
      session.ask(this.#writer.drained(), nothing);
    }
  }

  /** Why the message can't be accepted, as far as it has come; the same however it was cut into packets. */
  #refusal(): Reply | undefined {
    const { isStrict, options } = this.#session.shared;
    // RFC 5321 section 2.3.8 and section 4.5.2: what two servers may read differently is not passed on.
    if (isStrict && this.#scanner?.hasBareLineEnd === true) return replies.bareInData;
    if (isStrict && this.#scanner?.hasNul === true) return replies.nulInData;
    return this.sizeBytes > options.limits.sizeBytesMax ? replies.tooLarge : undefined;
  }

  /** The message is whole: gives the body to policy and its answers to the client. */
  #complete() {
    const session = this.#session;
    const refusal = this.#refusal();
    const writer = this.#writer;
    if (refusal === undefined && writer !== undefined) {
      this.#writer = undefined;
      return session.ask(writer.finish(), bodyComplete, spoolFailed);
    }
    this.abort();
    refuseMessage(session, refusal ?? replies.localError);
    // Whoever sends bare line ends may hope that the next lines are taken for commands.
    if (refusal === replies.bareInData) session.end();
  }
}

function nothing(): void {}
