/** From the whole body to the answers for the client. */
import { type Body, headerOctetsMax } from '../body/body.js';
import type { Reply } from '../values/reply.js';
import type { Conversation } from './conversation.js';
import type { ReceiverAnswer } from './receiver.js';
import { replies } from './replies.js';

/** The body is written: it is looked at, and policy is asked to take it. */
export function bodyComplete(session: Conversation, body: Body): void {
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

function bodyRefusal(session: Conversation, body: Body): Reply | undefined {
  const { limits } = session.shared.options;
  // A body knows no more of its header than `headerOctetsMax`, whatever the limit is.
  const isCut = body.headerSizeBytes >= Math.min(limits.headerOctetsMax, headerOctetsMax);
  return isCut ? replies.headerTooLarge : undefined;
}

function answered(session: Conversation, answers: readonly ReceiverAnswer[]): void {
  // RFC 2033 section 4.2: LMTP has one answer for each recipient, in order.
  const wanted = session.shared.isLmtp ? (session.transaction?.recipients.length ?? 1) : 1;
  session.endTransaction();
  for (let index = 0; index < wanted; index++) {
    session.give(answers[index] ?? { reply: replies.localError });
  }
}

/** The body could not be written. */
export function spoolFailed(session: Conversation, error: unknown): void {
  session.shared.options.log.error('a message could not be spooled', { error, connection: session.peer.id });
  refuseMessage(session, replies.spoolFailed);
}

/** Refuses the whole message: once, or once for each recipient in LMTP. */
export function refuseMessage(session: Conversation, refusal: Reply): void {
  const times = session.shared.isLmtp ? (session.transaction?.recipients.length ?? 1) : 1;
  for (let index = 1; index < times; index++) session.say(refusal);
  session.refuse('DATA', refusal);
  session.endTransaction();
}
