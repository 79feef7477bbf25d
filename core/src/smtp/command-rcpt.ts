/** RCPT: one recipient more (RFC 5321 section 4.1.1.3). */
import { isInternationalAddress, parsePath } from '../values/address.js';
import { pathStart } from './command-mail.js';
import { parseParameters } from './command-parameters.js';
import type { Conversation } from './conversation.js';
import type { ReceiverAnswer } from './receiver.js';
import { readRecipientParameters } from './recipient-parameters.js';
import { replies } from './replies.js';

/** Reads the forward-path and the parameters and asks policy, which adds the recipient to the transaction. */
export function addRecipient(session: Conversation, argument: string) {
  const { transaction } = session;
  if (transaction === undefined) return session.refuse('RCPT', replies.mailFirst);
  // RFC 3030 section 2: the recipients are complete once the message has begun.
  if (session.incoming !== undefined) return session.refuse('RCPT', replies.messageBegun);
  session.recipientsTried++;
  const start = pathStart(argument, 'TO:', session.shared.isStrict);
  if (start < 0) return session.refuse('RCPT', replies.syntax);
  const path = parsePath(argument, start);
  if (path === undefined || path.address === null) return session.refuse('RCPT', replies.badPath);
  const given = parseParameters(argument.slice(path.end), !session.shared.isStrict);
  if (given === undefined) return session.refuse('RCPT', replies.syntax);
  if (given.length > 0 && !session.peer.isExtended) return session.refuse('RCPT', replies.unknownParameter);
  const result = readRecipientParameters(path.address, given);
  if ('refusal' in result) return session.refuse('RCPT', result.refusal);
  if (!transaction.parameters.smtpUtf8 && isInternationalAddress(path.address)) {
    return session.refuse('RCPT', replies.needsSmtpUtf8);
  }
  // RFC 5321 section 4.5.3.1.10: too many is a reply of its own, and the client sends the rest another time.
  if (transaction.recipients.length >= session.shared.options.limits.recipientsMax) {
    return session.refuse('RCPT', replies.tooManyRecipients);
  }
  session.ask(session.shared.policy.recipient(transaction, result.recipient), answered);
}

function answered(session: Conversation, answer: ReceiverAnswer): void {
  session.give(answer);
}
