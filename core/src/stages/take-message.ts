/**
 * What happens when a message is whole: findings, verdict, expansion, header, and into the queue. The answer is 250
 * only once the queue has committed; on every other way out the body is released and nothing is left behind.
 */
import type { Body } from '../body/body.js';
import { MessageState } from '../context/message.js';
import { notedFindings } from '../context/noted-findings.js';
import type { TransactionState } from '../context/transaction.js';
import { isMailError } from '../errors.js';
import { isThenable } from '../hooks/call.js';
import type { CompiledHooks } from '../hooks/compile.js';
import { failedDecision } from '../hooks/run-decide.js';
import type { Clock } from '../services/clock.js';
import type { Logger } from '../services/logger.js';
import type { NewQueuedMessage, QueuedRecipient } from '../services/queue-store.js';
import type { ReceiverAnswer } from '../smtp/receiver.js';
import type { EnvelopeRecipient } from '../values/envelope.js';
import type { Finding } from '../values/finding.js';
import { renderHeaderPrefix } from '../values/header.js';
import { type Reply, reply } from '../values/reply.js';
import type { Verdict } from '../values/verdict.js';
import { answerOf, attributionFields, attributionOf, isRefusalAnswer, replies } from './answers.js';
import { type BelongingOptions, belongingOf } from './belonging.js';
import { countHops } from './count-hops.js';
import { isSenderForged } from './forged-sender.js';
import { judgeRecipients, type Refusals } from './judge-recipients.js';
import { tracePrefix } from './trace.js';

/** What taking a message needs. */
export interface TakeMessageOptions {
  readonly hooks: CompiledHooks;
  readonly hostname: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Received fields before a message counts as looping. */
  readonly hopsMax: number;
  readonly lifetimeMs: number;
  readonly belonging: BelongingOptions;
  /** Puts the message into the queue; resolves when it is durable. The findings are for its timeline. */
  enqueue(message: NewQueuedMessage, findings: readonly Finding[]): Promise<readonly QueuedRecipient[]>;
}

/** What was noted about the connection and the transaction comes first. */
function withNoted(transaction: TransactionState, found: readonly Finding[]): readonly Finding[] {
  const noted = notedFindings(transaction);
  return noted.length === 0 ? found : [...noted, ...found];
}

const noFindings: readonly Finding[] = Object.freeze([]);

/** Takes a message; one answer for each recipient that RCPT accepted, in order. Owns the body. Never rejects. */
export async function takeMessage(
  options: TakeMessageOptions,
  transaction: TransactionState,
  body: Body,
): Promise<readonly ReceiverAnswer[]> {
  const message = new MessageState({
    id: transaction.id,
    transaction,
    envelope: transaction.envelope(),
    body,
    receivedAtMs: options.clock.now(),
  });
  const taking: Taking = { refusals: undefined };
  let answer: ReceiverAnswer;
  try {
    answer = await judgeAndEnqueue(options, transaction, message, taking);
  } catch (error) {
    options.log.error('message not taken', { message: message.id, error });
    answer = { reply: failureReply(error) };
  }
  await message.release();
  if (isRefusalAnswer(answer)) report(options, transaction, 'message', answer);
  const { refusals } = taking;
  for (const refusal of refusals?.values() ?? []) report(options, transaction, 'messageFor', refusal);
  return transaction.recipients.map((recipient) => refusals?.get(recipient) ?? answer);
}

/** What is found out on the way and needed at its end, also when the way fails. */
interface Taking {
  refusals: Refusals | undefined;
}

async function judgeAndEnqueue(
  options: TakeMessageOptions,
  transaction: TransactionState,
  message: MessageState,
  taking: Taking,
): Promise<ReceiverAnswer> {
  const { hooks } = options;
  // RFC 5321 section 6.3: a message that has passed so many servers goes round in circles, whatever way it came in.
  if (countHops(message.body.headerBytes) > options.hopsMax) return { reply: replies.loop };
  const found = hooks.inspect === null ? noFindings : await hooks.inspect(message);
  const findings = withNoted(transaction, found);
  const verdict = hooks.message === null ? undefined : await hooks.message(message, findings);
  const queued = reply(250, '0.0', `queued as ${message.id}`);
  const answer = answerOf(verdict, queued);
  if (isRefusalAnswer(answer)) return answer;
  tellMark(options, message, verdict);
  if (verdict?.verdict === 'discard') return { reply: queued };
  const refusals = judgeRecipients(options, message, findings, queued);
  taking.refusals = isThenable(refusals) ? await refusals : refusals;
  const expanding = hooks.expand?.(message, message.envelope.recipients) ?? message.envelope.recipients;
  const recipients = isThenable(expanding) ? await expanding : expanding;
  if (!isList(recipients)) return { reply: failedDecision.reply };
  if (recipients.length === 0)
    return { reply: transaction.recipients.length === 0 ? replies.noRecipients : queued };
  if (hooks.content !== null) {
    const content = await hooks.content(message, findings, message.body);
    if (!isBody(content)) return { reply: failedDecision.reply };
    message.body = content;
  }
  const traced = tracePrefix(message, options.hostname);
  const prefix = hooks.header === null ? traced : await hooks.header(message, findings, traced);
  if (!isList(prefix)) return { reply: failedDecision.reply };
  const put = newQueuedMessage(options, message, recipients, renderHeaderPrefix(prefix), {
    quarantine: quarantineOf(transaction, verdict),
    isForged: isSenderForged(message, findings),
  });
  const leased = await options.enqueue(put, findings);
  options.log.info('queued', {
    message: message.id,
    connection: transaction.connection.id,
    recipients: leased.length,
    sizeBytes: message.body.sizeBytes,
  });
  tell(hooks, message, put, leased);
  return { reply: queued };
}

/** What was accepted and yet not simply: dropped, or marked. */
function tellMark(options: TakeMessageOptions, message: MessageState, verdict: Verdict | undefined): void {
  if (verdict?.verdict !== 'discard' && verdict?.verdict !== 'quarantine') return;
  options.log.info(verdict.verdict === 'discard' ? 'message discarded' : 'marked', {
    message: message.id,
    at: 'message',
    reason: verdict.reason,
    ...attributionFields(verdict),
  });
}

function newQueuedMessage(
  options: TakeMessageOptions,
  message: MessageState,
  recipients: readonly EnvelopeRecipient[],
  headerPrefix: string,
  { quarantine, isForged }: { readonly quarantine: string | undefined; readonly isForged: boolean },
): NewQueuedMessage {
  const { connection } = message.transaction;
  const { parameters, reversePath } = message.envelope;
  const state = message.persistent();
  return {
    id: message.id,
    reversePath,
    parameters,
    headerPrefix,
    body: message.body,
    origin: {
      protocol: connection.protocol,
      listener: connection.listener,
      remoteAddress: connection.remoteAddress,
      helloName: connection.helloName,
      ...(connection.identity === undefined ? {} : { accountId: connection.identity.accountId }),
      ...belongingOf(options.belonging, message),
      ...(isForged ? { isSenderForged: true } : {}),
    },
    receivedAtMs: message.receivedAtMs,
    expiresAtMs: message.receivedAtMs + options.lifetimeMs,
    ...(quarantine === undefined ? {} : { quarantine }),
    ...(state === undefined ? {} : { state }),
    recipients: recipients.map((recipient) => ({
      ...recipient,
      site: 'new',
      ...(parameters.holdUntilMs === undefined ? {} : { dueAtMs: parameters.holdUntilMs }),
    })),
  };
}

/** Observers are told after the outcome is fixed, and after this turn, so that the reply does not wait for them. */
function tell(
  hooks: CompiledHooks,
  message: MessageState,
  put: NewQueuedMessage,
  leased: readonly QueuedRecipient[],
): void {
  const { enqueued, accepted } = hooks;
  if (enqueued === null && accepted === null) return;
  const { body } = message;
  body.retain();
  setImmediate(async () => {
    await Promise.all([enqueued?.(put, leased), accepted?.(message)]);
    await body.release();
  });
}

function report(
  options: TakeMessageOptions,
  transaction: TransactionState,
  at: string,
  answer: ReceiverAnswer,
): void {
  const { connection } = transaction;
  options.log.info('refused', {
    connection: connection.id,
    transaction: transaction.id,
    remoteAddress: connection.remoteAddress,
    at,
    code: answer.reply.code,
    text: answer.reply.text,
    ...attributionFields(answer),
  });
  const event = { connection, transaction, at, reply: answer.reply };
  void options.hooks.refused?.({ ...event, ...attributionOf(answer) });
}

function quarantineOf(transaction: TransactionState, verdict: Verdict | undefined): string | undefined {
  return verdict?.verdict === 'quarantine' ? verdict.reason : transaction.quarantine;
}

function isBody(value: Body | object): value is Body {
  return 'headerBytes' in value;
}

function isList<T>(value: readonly T[] | object): value is readonly T[] {
  return Array.isArray(value);
}

/** A full disk is said as such (RFC 5321 section 4.2.3); everything else is a local problem. */
function failureReply(error: unknown): Reply {
  if (isMailError(error) && error.reply !== undefined) return error.reply;
  for (
    let cause = error;
    typeof cause === 'object' && cause !== null;
    cause = (cause as { cause?: unknown }).cause
  ) {
    const { code } = cause as { code?: unknown };
    if (code === 'ENOSPC' || code === 'EDQUOT') return replies.full;
  }
  return replies.temporary;
}
