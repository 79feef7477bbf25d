/** One transaction: MAIL, RCPT, DATA, the message, and an answer for each recipient. */
import { type QueuedMessage, type QueuedRecipient, type Reply, reply } from '@postroad/core';
import { type Capabilities, noCapabilities } from './capabilities.js';
import { mailCommand, recipientCommand } from './commands.js';
import type { Content } from './content.js';
import { DotStuffer } from './dot-stuffing.js';
import { needsUtf8, refuseMessage, refuseRecipient } from './preflight.js';
import { protocolBroken, RemoteError } from './remote-error.js';
import { replyOf, type ServerReply } from './reply-parser.js';
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
}

/** What became of one recipient in the transaction. */
export interface Answer {
  readonly recipient: QueuedRecipient;
  readonly status: 'delivered' | 'deferred' | 'failed';
  readonly reply: Reply;
  /** Whether the server said it; otherwise it is our own judgement or a broken connection. */
  readonly isQuoted: boolean;
  /** Whether another server of the site may be asked now: nothing of the message was sent. */
  readonly isOpen: boolean;
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
  #hasHeard = false;

  constructor(connection: SmtpConnection, options: TransactionOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#offered = connection.capabilities ?? noCapabilities;
    this.#open = options.recipients;
  }

  async run(): Promise<boolean> {
    if (!this.#preflight()) return false;
    this.#connection.transactions++;
    try {
      const isPiped = this.#offered.has('PIPELINING');
      const accepted = isPiped ? await this.#envelopePiped() : await this.#envelopeStepwise();
      if (accepted.length > 0) await this.#message(accepted);
    } catch (error) {
      this.#giveUp(error);
    }
    return !this.#hasHeard && this.#connection.error !== undefined;
  }

  /** Answers those who can not be sent to this server at all; whether anybody is left. */
  #preflight(): boolean {
    const { message, content } = this.#options;
    const refusal = refuseMessage(message, content, this.#offered, this.#connection.tls !== undefined);
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
      needsUtf8: isUtf8,
      nowMs,
    };
    return {
      mail: mailCommand(facts, this.#offered),
      recipients: this.#open.map((recipient) => recipientCommand(recipient, isUtf8, this.#offered)),
    };
  }

  /** RFC 2920: the whole envelope and DATA in one write. Gives the recipients that wait for the message. */
  async #envelopePiped(): Promise<readonly QueuedRecipient[]> {
    const { timeouts } = this.#options;
    const { mail, recipients } = this.#commands();
    const connection = this.#connection;
    const reset = connection.needsReset ? 'RSET\r\n' : '';
    const asked = this.#open;
    connection.send(
      `${reset}${mail}\r\n${recipients.join('\r\n')}\r\nDATA\r\n`,
      asked.length + (reset === '' ? 2 : 3),
      'envelope',
    );
    if (reset !== '') await this.#hear(timeouts.mailMs);
    connection.needsReset = true;
    const sender = await this.#hear(timeouts.mailMs);
    const isSenderTaken = this.#isTaken(sender);
    if (!isSenderTaken) for (const recipient of asked) this.#answerSaid(recipient, sender);
    const accepted: QueuedRecipient[] = [];
    for (const recipient of asked) {
      const said = await this.#hear(timeouts.recipientMs);
      // After a refused MAIL the server has nothing to say about recipients that would count.
      if (isSenderTaken && this.#recipientTaken(recipient, said)) accepted.push(recipient);
    }
    return await this.#dataReply(accepted);
  }

  async #envelopeStepwise(): Promise<readonly QueuedRecipient[]> {
    const { timeouts } = this.#options;
    const { mail, recipients } = this.#commands();
    const connection = this.#connection;
    if (connection.needsReset) await this.#ask('RSET', timeouts.mailMs);
    connection.needsReset = true;
    const asked = this.#open;
    const sender = await this.#ask(mail, timeouts.mailMs);
    if (!this.#isTaken(sender)) {
      for (const recipient of asked) this.#answerSaid(recipient, sender);
      return [];
    }
    const accepted: QueuedRecipient[] = [];
    for (const [at, recipient] of asked.entries()) {
      const said = await this.#ask(recipients[at] as string, timeouts.recipientMs);
      if (this.#recipientTaken(recipient, said)) accepted.push(recipient);
    }
    if (accepted.length === 0) return [];
    connection.send('DATA\r\n', 1, 'envelope');
    return await this.#dataReply(accepted);
  }

  async #dataReply(accepted: readonly QueuedRecipient[]): Promise<readonly QueuedRecipient[]> {
    const said = await this.#hear(this.#options.timeouts.dataMs);
    if (said.code === 354) {
      if (accepted.length > 0) return accepted;
      // RFC 2920 section 3.1: the server waits for a message for nobody, so it gets an empty one.
      this.#connection.endMessage(Buffer.from('.\r\n'), this.#options.protocol === 'lmtp' ? 0 : 1);
      if (this.#options.protocol === 'smtp') await this.#hear(this.#options.timeouts.finalMs);
      return [];
    }
    if (said.code < 400 && accepted.length > 0) throw this.#contradiction(said);
    for (const recipient of accepted) this.#answerSaid(recipient, said);
    return [];
  }

  async #message(accepted: readonly QueuedRecipient[]): Promise<void> {
    const { protocol, timeouts } = this.#options;
    const isLmtp = protocol === 'lmtp';
    await this.#sendContent(isLmtp ? accepted.length : 1);
    const first = await this.#hear(timeouts.finalMs);
    for (const [at, recipient] of accepted.entries()) {
      // RFC 2033 section 4.2: an LMTP server answers for each recipient.
      const said = at === 0 || !isLmtp ? first : await this.#hear(timeouts.finalMs);
      if (said.code >= 300 && said.code < 400) throw this.#contradiction(said);
      const status = said.code < 300 ? 'delivered' : said.code < 500 ? 'deferred' : 'failed';
      this.#settle({ recipient, status, reply: replyOf(said), isQuoted: true, isOpen: false });
    }
    this.#connection.needsReset = false;
  }

  /** Streams prefix and body, no faster than the server takes them. */
  async #sendContent(replies: number): Promise<void> {
    const { content, timeouts } = this.#options;
    const connection = this.#connection;
    const stuffer = new DotStuffer();
    const send = (bytes: Uint8Array): boolean => {
      let isTaken = true;
      for (const piece of stuffer.push(bytes)) if (piece.length > 0) isTaken = connection.write(piece);
      return isTaken;
    };
    connection.cork();
    send(content.prefix);
    if (content.body.inline !== undefined) {
      // All at once, with the final dot: one or two packets for a small message.
      send(content.body.inline);
    } else {
      for await (const chunk of content.body.open()) {
        const isTaken = send(chunk);
        connection.uncork();
        // A refusal that came meanwhile ends the message here.
        if (connection.error !== undefined) throw connection.error;
        if (!isTaken) await connection.drain(timeouts.blockMs);
        connection.cork();
      }
    }
    connection.endMessage(stuffer.end(), replies);
    connection.uncork();
  }

  async #ask(command: string, timeoutMs: number): Promise<ServerReply> {
    this.#connection.send(`${command}\r\n`, 1, 'envelope');
    return await this.#hear(timeoutMs);
  }

  async #hear(timeoutMs: number): Promise<ServerReply> {
    const said = await this.#connection.reply(timeoutMs);
    this.#hasHeard = true;
    return said;
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

/** RFC 5321 section 4.5.3.1.10: 552 may mean too many recipients, unless its status says what it means. */
function isTooManyRecipients(said: Reply): boolean {
  return said.code === 552 && (said.detail === undefined || said.detail === '5.3');
}
