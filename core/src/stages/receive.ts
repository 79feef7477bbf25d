/**
 * The receive stage: policy for a receiver, made of hooks and of the few rules that always hold. Whatever fails in
 * here defers; nothing is kept of a message that was not answered with 250.
 */
import type { ConnectionState } from '../context/connection.js';
import { TransactionState } from '../context/transaction.js';
import type { CompiledHooks } from '../hooks/compile.js';
import type { MaybePromise } from '../hooks/kinds.js';
import type { Authenticator } from '../services/authenticator.js';
import type { Directory } from '../services/directory.js';
import type { DiskRoom } from '../services/disk-room.js';
import type { Logger } from '../services/logger.js';
import type { Metrics } from '../services/metrics.js';
import type { Random } from '../services/random.js';
import type { Spool } from '../services/spool.js';
import type { BeginAnswer, ReceiverAnswer, ReceiverPolicy } from '../smtp/receiver.js';
import type { MailAddress, ReversePath } from '../values/address.js';
import type { EnvelopeParameters, EnvelopeRecipient } from '../values/envelope.js';
import type { Verdict } from '../values/verdict.js';
import { answerOf, attributionFields, attributionOf, isRefusalAnswer, replies } from './answers.js';
import { whenReady } from './maybe.js';
import { type TakeMessageOptions, takeMessage } from './take-message.js';
import { vouchedIdentity } from './vouch.js';

/** What the stage works with. */
export interface ReceiveOptions extends TakeMessageOptions {
  readonly hooks: CompiledHooks;
  readonly authenticator: Authenticator;
  /** Asked whose address a sender is; without one nobody may send as anything on `senders: 'own'`. */
  readonly directory: Directory | undefined;
  readonly spool: Spool;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Whether MAIL needs a login. */
  readonly isLoginNeeded: boolean;
  readonly senders: 'own' | 'any';
  /** The disk that bodies and the queue are on, and how much must be free of it for a message to begin. */
  readonly room: DiskRoom;
  readonly freeOctetsMin: number;
}

/** The policy of one listener. */
export function createReceivePolicy(options: ReceiveOptions): ReceiverPolicy {
  const { hooks } = options;
  return {
    logins: options.authenticator,
    connect: (connection) =>
      hooks.connect === null
        ? undefined
        : whenReady(hooks.connect(connection), (verdict) =>
            refusalOnly(options, connection, 'connect', verdict),
          ),
    vouch: (connection, login) => vouchedIdentity(options, connection, login),
    hello: (connection, name) =>
      hooks.hello === null
        ? undefined
        : whenReady(hooks.hello(connection, name), (verdict) =>
            refusalOnly(options, connection, 'hello', verdict),
          ),
    begin: (connection, reversePath, parameters) => begin(options, connection, reversePath, parameters),
    recipient: (transaction, recipient) => nameRecipient(options, transaction, recipient),
    dataStart: (transaction) => startData(options, transaction),
    body: () => options.spool.writer(),
    message: (transaction, body) => takeMessage(options, transaction, body),
    refused(connection, transaction, at, reply, line) {
      void hooks.refused?.({ connection, transaction, at, reply, ...(line === undefined ? {} : { line }) });
    },
    closed(connection) {
      void hooks.closed?.(connection);
    },
  };
}

function refusalOnly(
  options: ReceiveOptions,
  connection: ConnectionState,
  at: string,
  verdict: Verdict | undefined,
): ReceiverAnswer | undefined {
  const answer = answerOf(verdict, replies.sender);
  if (!isRefusalAnswer(answer)) return undefined;
  return refuse(options, connection, undefined, at, answer);
}

/** MAIL. */
function begin(
  options: ReceiveOptions,
  connection: ConnectionState,
  reversePath: ReversePath,
  parameters: EnvelopeParameters,
): MaybePromise<BeginAnswer> {
  const freeOctets = options.room.freeOctets();
  // RFC 5321 section 4.2.3: told before the message is sent, while there is still room to work with.
  if (freeOctets !== undefined && freeOctets < options.freeOctetsMin) {
    return refuse(options, connection, undefined, 'room', { reply: replies.full });
  }
  if (options.isLoginNeeded) {
    // RFC 4954 section 6: a submission server says 530 to MAIL without a login.
    if (connection.identity === undefined) {
      return refuse(options, connection, undefined, 'login', { reply: replies.loginNeeded });
    }
    if (options.senders === 'own' && reversePath !== null) {
      return whenReady(ownsAddress(options, connection.identity.accountId, reversePath), (owns) => {
        if (owns === true) return ask(options, connection, reversePath, parameters);
        const reply = owns === false ? replies.senderNotOwned : replies.temporary;
        return refuse(options, connection, undefined, 'sender', { reply });
      });
    }
  }
  return ask(options, connection, reversePath, parameters);
}

function ask(
  options: ReceiveOptions,
  connection: ConnectionState,
  reversePath: ReversePath,
  parameters: EnvelopeParameters,
): MaybePromise<BeginAnswer> {
  const transaction = new TransactionState(options.random.id(), connection, reversePath, parameters);
  if (options.hooks.reversePath === null) return { reply: replies.sender, transaction };
  return whenReady(options.hooks.reversePath(transaction, reversePath), (verdict) => {
    const answer = answerOf(verdict, replies.sender);
    if (isRefusalAnswer(answer)) return refuse(options, connection, transaction, 'reversePath', answer);
    mark(options, transaction, 'reversePath', verdict);
    return { reply: answer.reply, transaction };
  });
}

/** Whether an account may send as this address, sub-addresses of its own included; `undefined` when that can't be told now. */
async function ownsAddress(
  options: ReceiveOptions,
  accountId: string,
  address: MailAddress,
): Promise<boolean | undefined> {
  if (options.directory === undefined) return false;
  try {
    const exact = await options.directory.byAddress(address);
    if (exact !== undefined) return exact.id === accountId;
    const separator = address.localPart.indexOf('+');
    if (separator <= 0) return false;
    const base = { localPart: address.localPart.slice(0, separator), domain: address.domain };
    return (await options.directory.byAddress(base))?.id === accountId;
  } catch (error) {
    options.log.error('directory failed', { error });
    return undefined;
  }
}

/** RCPT. Nobody decided means no: no composition of plugins is an open relay by omission. */
function nameRecipient(
  options: ReceiveOptions,
  transaction: TransactionState,
  recipient: EnvelopeRecipient,
): MaybePromise<ReceiverAnswer> {
  const { recipient: hook } = options.hooks;
  const { connection } = transaction;
  if (hook === null)
    return refuse(options, connection, transaction, 'recipient', { reply: replies.relayDenied });
  return whenReady(hook(transaction, recipient), (verdict) => {
    if (verdict === undefined) {
      return refuse(options, connection, transaction, 'recipient', { reply: replies.relayDenied });
    }
    const answer = answerOf(verdict, replies.recipient);
    if (isRefusalAnswer(answer)) return refuse(options, connection, transaction, 'recipient', answer);
    transaction.recipients.push(recipient);
    if (verdict.verdict === 'discard') {
      transaction.drop(recipient);
      options.log.info('recipient discarded', {
        transaction: transaction.id,
        reason: verdict.reason,
        ...attributionFields(verdict),
      });
    }
    mark(options, transaction, 'recipient', verdict);
    return answer;
  });
}

function startData(
  options: ReceiveOptions,
  transaction: TransactionState,
): MaybePromise<ReceiverAnswer | undefined> {
  const { dataStart } = options.hooks;
  if (dataStart === null) return undefined;
  return whenReady(dataStart(transaction), (verdict) => {
    const answer = answerOf(verdict, replies.sender);
    if (isRefusalAnswer(answer))
      return refuse(options, transaction.connection, transaction, 'dataStart', answer);
    mark(options, transaction, 'dataStart', verdict);
    return undefined;
  });
}

function mark(
  options: ReceiveOptions,
  transaction: TransactionState,
  at: string,
  verdict: Verdict | undefined,
): void {
  if (verdict?.verdict !== 'quarantine') return;
  transaction.quarantine ??= verdict.reason;
  options.log.info('marked', {
    transaction: transaction.id,
    at,
    reason: verdict.reason,
    ...attributionFields(verdict),
  });
}

function refuse(
  options: ReceiveOptions,
  connection: TransactionState['connection'],
  transaction: TransactionState | undefined,
  at: string,
  answer: ReceiverAnswer,
): ReceiverAnswer {
  options.log.info('refused', {
    connection: connection.id,
    transaction: transaction?.id,
    remoteAddress: connection.remoteAddress,
    at,
    code: answer.reply.code,
    text: answer.reply.text,
    ...attributionFields(answer),
  });
  void options.hooks.refused?.({
    connection,
    transaction,
    at,
    reply: answer.reply,
    ...attributionOf(answer),
  });
  return answer;
}
