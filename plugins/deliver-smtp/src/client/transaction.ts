/** One transaction: MAIL, RCPT, DATA, the message, and an answer for each recipient. */
import {
  isThenable,
  type MaybePromise,
  type QueuedMessage,
  type QueuedRecipient,
  type Reply,
  reply,
} from '@postroad/core';
import type { EightBitPolicy } from '../converted-content.js';
import { type Answer, isTooManyRecipients } from './answer.js';
import { type Capabilities, noCapabilities } from './capabilities.js';
import { mailCommand, recipientCommand } from './commands.js';
import type { Content } from './content.js';
import { needsUtf8, refuseMessage, refuseRecipient } from './preflight.js';
import { protocolBroken, RemoteError } from './remote-error.js';
import { replyOf, type ServerReply } from './reply-parser.js';
import { lastChunk, sendChunks, sendStuffed } from './send-content.js';
import type { SmtpConnection } from './smtp-connection.js';
import type { Timeouts } from './timeouts.js';

/** What to send to whom. */
export interface TransactionOptions {
  readonly protocol: 'smtp' | 'lmtp';
  readonly message: QueuedMessage;
  readonly content: Content;
  readonly recipients: readonly QueuedRecipient[];
  readonly timeouts: Timeouts;
  readonly nowMs: number;
  /** Whether BDAT is used where it is offered. */
  readonly chunking: boolean;
  /** What to do with eight-bit bodies where 8BITMIME is not offered. */
  readonly eightBit: EightBitPolicy;
}

/**
 * Runs it. Never rejects for what the server or the connection does: each recipient gets an answer. `isUnheard` is set
 * when the connection was lost before the server said anything: on a reused connection that means it had gone stale.
 */
export async function runTransaction(
  connection: SmtpConnection,
  options: TransactionOptions,
): Promise<{ readonly answers: readonly Answer[]; readonly isUnheard: boolean }> {
  const run = new Transaction(connection, options);
  const isUnheard = await run.run();
  return { answers: run.answers, isUnheard };
}

class Transaction {
  readonly answers: Answer[] = [];
  readonly #connection: SmtpConnection;
  readonly #options: TransactionOptions;
  readonly #offered: Capabilities;
  #open: readonly QueuedRecipient[];
  readonly #isChunked: boolean;
  #hasHeard = false;
  readonly #heard = (said: ServerReply): ServerReply => {
    this.#hasHeard = true;
    return said;
  };

  constructor(connection: SmtpConnection, options: TransactionOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#offered = connection.capabilities ?? noCapabilities;
    this.#open = options.recipients;
    this.#isChunked = this.#offered.has('CHUNKING') && (options.chunking || options.content.isBinary);
  }

  async run(): Promise<boolean> {
    if (!this.#preflight()) return false;
    if (this.#connection.transactions > 0) this.#connection.transcript.begin();
    this.#connection.transactions++;
    try {
      if (this.#offered.has('PIPELINING')) await this.#runPiped();
      else await this.#runStepwise();
    } catch (error) {
      this.#giveUp(error);
    }
    return !this.#hasHeard && this.#connection.error !== undefined;
  }

  /** Answers those who can not be sent to this server at all; whether anybody is left. */
  #preflight(): boolean {
    const { message, content, eightBit } = this.#options;
    const policy = { isEncrypted: this.#connection.tls !== undefined, eightBit };
    const refusal = refuseMessage(message, content, this.#offered, policy);
    for (const recipient of this.#open) {
      const said = refusal ?? refuseRecipient(recipient, this.#offered);
      if (said !== undefined) this.#answer(recipient, said, { isQuoted: false, isOpen: false });
    }
    return this.#open.length > 0;
  }

  #commands(): { readonly mail: string; readonly recipients: readonly string[] } {
    const { message, content, nowMs } = this.#options;
    const isUtf8 = this.#offered.has('SMTPUTF8') && needsUtf8(message, content, this.#open);
    const facts = {
      reversePath: message.reversePath,
      parameters: message.parameters,
      sizeBytes: content.sizeBytes,
      has8bit: content.has8bit,
      isBinary: content.isBinary,
      needsUtf8: isUtf8,
      nowMs,
    };
    return {
      mail: mailCommand(facts, this.#offered),
      recipients: this.#open.map((recipient) => recipientCommand(recipient, isUtf8, this.#offered)),
    };
  }

  /**
   * RFC 2920: the whole envelope in one write, with DATA behind it, or with a message that is small enough to be sent
   * on the chance that somebody is refused (RFC 3030 section 4.2).
   */
  async #runPiped(): Promise<void> {
    const connection = this.#connection;
    const { mail, recipients } = this.#commands();
    const reset = connection.needsReset;
    const asked = this.#open;
    // An LMTP server answers as often as recipients were accepted, which is not known yet.
    const isAtOnce = this.#isChunked && this.#options.protocol === 'smtp';
    const chunk = isAtOnce ? lastChunk(this.#options.content) : undefined;
    const last = this.#isChunked ? '' : 'DATA\r\n';
    if (chunk !== undefined) connection.cork();
    connection.send(
      `${reset ? 'RSET\r\n' : ''}${mail}\r\n${recipients.join('\r\n')}\r\n${last}`,
      asked.length + (reset ? 1 : 0) + (last === '' ? 1 : 2),
      'envelope',
    );
    if (chunk !== undefined) {
      connection.transcript.sent(String(chunk[0]));
      for (const piece of chunk) connection.write(piece);
      connection.endMessage(Buffer.alloc(0), 1);
      connection.uncork();
    }
    connection.needsReset = true;
    const accepted = await this.#hearEnvelope(asked, reset);
    if (chunk !== undefined && accepted.length > 0) await this.#hearFinal(accepted);
    else if (chunk !== undefined) await this.#hear(this.#options.timeouts.finalMs);
    else if (!this.#isChunked) await this.#sendAfterData(accepted);
    else if (accepted.length > 0) await this.#sendByChunks(accepted);
  }

  async #hearEnvelope(
    asked: readonly QueuedRecipient[],
    hasReset: boolean,
  ): Promise<readonly QueuedRecipient[]> {
    const { timeouts } = this.#options;
    if (hasReset) await this.#hear(timeouts.mailMs);
    const answer = this.#hear(timeouts.mailMs);
    const sender = isThenable(answer) ? await answer : answer;
    const isSenderTaken = this.#isTaken(sender);
    if (!isSenderTaken) for (const recipient of asked) this.#answerSaid(recipient, sender);
    const accepted: QueuedRecipient[] = [];
    for (const recipient of asked) {
      const next = this.#hear(timeouts.recipientMs);
      const said = isThenable(next) ? await next : next;
      // After a refused MAIL the server has nothing to say about recipients that would count.
      if (isSenderTaken && this.#recipientTaken(recipient, said)) accepted.push(recipient);
    }
    return accepted;
  }

  async #runStepwise(): Promise<void> {
    const { timeouts } = this.#options;
    const { mail, recipients } = this.#commands();
    const connection = this.#connection;
    if (connection.needsReset) await this.#ask('RSET', timeouts.mailMs);
    connection.needsReset = true;
    const asked = this.#open;
    const sender = await this.#ask(mail, timeouts.mailMs);
    if (!this.#isTaken(sender)) {
      for (const recipient of asked) this.#answerSaid(recipient, sender);
      return;
    }
    const accepted: QueuedRecipient[] = [];
    for (const [at, recipient] of asked.entries()) {
      const said = await this.#ask(recipients[at] as string, timeouts.recipientMs);
      if (this.#recipientTaken(recipient, said)) accepted.push(recipient);
    }
    if (accepted.length === 0) return;
    if (this.#isChunked) {
      await this.#sendByChunks(accepted);
      return;
    }
    connection.send('DATA\r\n', 1, 'envelope');
    await this.#sendAfterData(accepted);
  }

  /** Sends the message if the server wants it: 354. */
  async #sendAfterData(accepted: readonly QueuedRecipient[]): Promise<void> {
    const { protocol, content, timeouts } = this.#options;
    const said = await this.#hear(timeouts.dataMs);
    if (said.code === 354 && accepted.length > 0) {
      await sendStuffed(this.#connection, content, { replies: this.#finalReplies(accepted), timeouts });
      await this.#hearFinal(accepted);
      return;
    }
    if (said.code === 354) {
      // RFC 2920 section 3.1: the server waits for a message for nobody, so it gets an empty one.
      this.#connection.endMessage(Buffer.from('.\r\n'), protocol === 'lmtp' ? 0 : 1);
      if (protocol === 'smtp') await this.#hear(timeouts.finalMs);
      return;
    }
    if (said.code < 400 && accepted.length > 0) throw this.#contradiction(said);
    for (const recipient of accepted) this.#answerSaid(recipient, said);
  }

  async #sendByChunks(accepted: readonly QueuedRecipient[]): Promise<void> {
    const { content, timeouts } = this.#options;
    const refusal = await sendChunks(this.#connection, content, {
      replies: this.#finalReplies(accepted),
      timeouts,
      hear: (timeoutMs) => this.#hear(timeoutMs),
    });
    if (refusal === undefined) await this.#hearFinal(accepted);
    else for (const recipient of accepted) this.#answerSaid(recipient, refusal);
  }

  #finalReplies(accepted: readonly QueuedRecipient[]): number {
    return this.#options.protocol === 'lmtp' ? accepted.length : 1;
  }

  async #hearFinal(accepted: readonly QueuedRecipient[]): Promise<void> {
    const { protocol, timeouts } = this.#options;
    const first = await this.#hear(timeouts.finalMs);
    for (const [at, recipient] of accepted.entries()) {
      // RFC 2033 section 4.2: an LMTP server answers for each recipient.
      const said = at === 0 || protocol !== 'lmtp' ? first : await this.#hear(timeouts.finalMs);
      if (said.code >= 300 && said.code < 400) throw this.#contradiction(said);
      const status = said.code < 300 ? 'delivered' : said.code < 500 ? 'deferred' : 'failed';
      this.#settle({ recipient, status, reply: replyOf(said), isQuoted: true, isOpen: false });
    }
    this.#connection.needsReset = first.code >= 300;
  }

  async #ask(command: string, timeoutMs: number): Promise<ServerReply> {
    this.#connection.send(`${command}\r\n`, 1, 'envelope');
    return await this.#hear(timeoutMs);
  }

  /** A promise only when the reply is not here yet: of a pipelined envelope most are. */
  #hear(timeoutMs: number): MaybePromise<ServerReply> {
    const next = this.#connection.reply(timeoutMs);
    if (isThenable(next)) return next.then(this.#heard);
    return this.#heard(next);
  }

  #isTaken(said: ServerReply): boolean {
    if (said.code >= 300 && said.code < 400) throw this.#contradiction(said);
    return said.code < 300;
  }

  #recipientTaken(recipient: QueuedRecipient, said: ServerReply): boolean {
    if (this.#isTaken(said)) return true;
    this.#answerSaid(recipient, said);
    return false;
  }

  #contradiction(said: ServerReply): RemoteError {
    return protocolBroken('envelope', `the server answers ${said.code} out of turn`);
  }

  /** A refusal in the envelope: nothing of the message was sent, another server may take it. */
  #answerSaid(recipient: QueuedRecipient, said: ServerReply): void {
    this.#answer(recipient, replyOf(said), { isQuoted: true, isOpen: true });
  }

  #answer(recipient: QueuedRecipient, said: Reply, how: { isQuoted: boolean; isOpen: boolean }): void {
    const isFinal = said.code >= 500 && !isTooManyRecipients(said);
    this.#settle({ recipient, status: isFinal ? 'failed' : 'deferred', reply: said, ...how });
  }

  #settle(answer: Answer): void {
    this.answers.push(answer);
    this.#open = this.#open.filter((recipient) => recipient !== answer.recipient);
  }

  /** The connection is lost or out of step, or the message can't be read: those without an answer are deferred. */
  #giveUp(error: unknown): void {
    const isRemote = error instanceof RemoteError;
    this.#connection.end(error);
    const isSent = isRemote && error.step === 'final';
    const said = isRemote ? error.reply : reply(451, '3.0', 'the message could not be sent for now');
    const isFinal = isRemote && error.isQuoted && said.code >= 500 && !isTooManyRecipients(said);
    for (const recipient of this.#open) {
      this.#settle({
        recipient,
        status: isFinal ? 'failed' : 'deferred',
        reply: said,
        isQuoted: isRemote && error.isQuoted,
        // Without the answer to the final dot nobody knows who has the message: asking another server at once
        // would make two of it for certain.
        isOpen: isRemote && !isSent,
      });
    }
  }
}
