/** LMTP answers for each recipient (RFC 2033 section 4.2), so hooks may judge a message for each. */
import type { MessageState } from '../context/message.js';
import type { CompiledHooks } from '../hooks/compile.js';
import type { MaybePromise } from '../hooks/kinds.js';
import type { Logger } from '../services/logger.js';
import type { ReceiverAnswer } from '../smtp/receiver.js';
import type { EnvelopeRecipient } from '../values/envelope.js';
import type { Finding } from '../values/finding.js';
import type { Reply } from '../values/reply.js';
import { answerOf, attributionFields, isRefusalAnswer } from './answers.js';

/** The answers for recipients that the message is refused for. */
export type Refusals = ReadonlyMap<EnvelopeRecipient, ReceiverAnswer>;

const none: Refusals = new Map();

/**
 * Asks about all recipients at once. Those that are refused or dropped are taken out of the message's envelope; the
 * others go on.
 */
export function judgeRecipients(
  { hooks, log }: { readonly hooks: CompiledHooks; readonly log: Logger },
  message: MessageState,
  findings: readonly Finding[],
  accepted: Reply,
): MaybePromise<Refusals> {
  const { messageFor } = hooks;
  if (messageFor === null || message.transaction.connection.protocol !== 'lmtp') return none;
  return judgeEach(messageFor, log, message, findings, accepted);
}

async function judgeEach(
  messageFor: NonNullable<CompiledHooks['messageFor']>,
  log: Logger,
  message: MessageState,
  findings: readonly Finding[],
  accepted: Reply,
): Promise<Refusals> {
  const { recipients } = message.envelope;
  const verdicts = await Promise.all(recipients.map((recipient) => messageFor(message, recipient, findings)));
  const refusals = new Map<EnvelopeRecipient, ReceiverAnswer>();
  const kept = recipients.filter((recipient, index) => {
    const verdict = verdicts[index];
    const answer = answerOf(verdict, accepted);
    if (isRefusalAnswer(answer)) refusals.set(recipient, answer);
    if (verdict?.verdict !== 'discard') return !refusals.has(recipient);
    const { reason } = verdict;
    log.info('recipient discarded', { message: message.id, reason, ...attributionFields(verdict) });
    return false;
  });
  message.envelope = { ...message.envelope, recipients: kept };
  return refusals;
}
