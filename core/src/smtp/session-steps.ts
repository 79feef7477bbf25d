/** The steps of a session that are not commands. */
import type { MaybePromise } from '../hooks/kinds.js';
import type { Conversation } from './conversation.js';
import type { ReceiverAnswer } from './receiver.js';
import { replies } from './replies.js';

/** Greets (RFC 5321 section 4.3.1), or says why not; then commands are read. */
export function greet(session: Conversation, answer: ReceiverAnswer | undefined) {
  session.readCommands();
  if (answer === undefined) {
    const { hostname } = session.shared.options;
    return session.write(`220 ${hostname} ${session.shared.isLmtp ? 'LMTP' : 'ESMTP'}\r\n`);
  }
  session.say(answer.reply);
  // RFC 5321 section 3.1: a server that refuses with 554 may stay to answer 503; there is no use in it.
  session.end();
}

/** The client has read our replies and may go on. */
export function goOnReading(session: Conversation): void {
  session.readCommands();
}

/** A mistake of ours or of the policy's: nothing is accepted, the client tries again later. */
export function breakOff(session: Conversation, error: unknown): void {
  session.shared.options.log.error('a session broke off', { error, connection: session.peer.id });
  session.endTransaction();
  session.say(replies.localError);
  session.end();
}

/** Something of ours never answers; what comes after all finds the session gone. */
export function sayNoAnswer(session: Conversation): void {
  session.shared.options.log.error('an answer did not come in time', { connection: session.peer.id });
  session.refuse('answer', replies.noAnswer);
}

/** Whether an answer has to be waited for. */
export function isPromise<T>(answer: MaybePromise<T>): answer is Promise<T> {
  return typeof answer === 'object' && answer !== null && 'then' in answer;
}
