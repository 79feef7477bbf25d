/** DATA: from the 354 to the answer behind the message (RFC 5321 section 4.1.1.4). */
import type { TransactionState } from '../context/transaction.js';
import type { Reply } from '../values/reply.js';
import type { Conversation } from './conversation.js';
import { IncomingMessage } from './incoming-message.js';
import type { ReceiverAnswer } from './receiver.js';
import { replies } from './replies.js';

/** Asks policy whether the message may come, then says 354. */
export function startData(session: Conversation, argument: string) {
  if (argument !== '') return session.refuse('DATA', replies.syntax);
  const refusal = outOfOrder(session);
  if (refusal !== undefined) {
    session.isDataRefused = true;
    return session.refuse('DATA', refusal);
  }
  session.ask(session.shared.policy.dataStart(session.transaction as TransactionState), started);
}

/** Why no message may come now, for DATA and BDAT. */
export function messageRefusal(session: Conversation): Reply | undefined {
  const { transaction } = session;
  if (transaction === undefined) return replies.mailFirst;
  if (transaction.recipients.length > 0) return undefined;
  // RFC 5321 section 3.3: 554 when all recipients were refused, 503 when none was named.
  return session.recipientsTried > 0 ? replies.noRecipients : replies.recipientFirst;
}

function outOfOrder(session: Conversation): Reply | undefined {
  if (session.incoming !== undefined) return replies.dataAfterBdat;
  const refusal = messageRefusal(session);
  if (refusal !== undefined) return refusal;
  // RFC 3030 section 3: only BDAT can carry lines of any kind.
  return session.transaction?.parameters.bodyType === 'binarymime' ? replies.binaryNeedsBdat : undefined;
}

function started(session: Conversation, answer: ReceiverAnswer | undefined) {
  if (answer !== undefined) {
    session.isDataRefused = true;
    session.endTransaction();
    return session.give(answer);
  }
  // RFC 2920 section 3.1: DATA is the last of a group. Who has sent on did not wait for the 354, as smugglers don't.
  if (session.shared.isStrict && session.hasMore) {
    session.refuse('DATA', replies.talksBeforeData);
    session.endTransaction();
    return session.end();
  }
  session.incoming = new IncomingMessage(session, 'data');
  session.say(replies.startData);
  session.readMessage('data');
}
