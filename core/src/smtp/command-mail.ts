/** MAIL: the beginning of a transaction (RFC 5321 section 4.1.1.2). */
import { isInternationalAddress, parsePath } from '../values/address.js';
import { defaultEnvelopeParameters } from '../values/envelope.js';
import type { Reply } from '../values/reply.js';
import { parseParameters } from './command-parameters.js';
import type { Conversation } from './conversation.js';
import { holdMsMaxOf } from './extensions.js';
import { type MailParametersResult, readMailParameters } from './mail-parameters.js';
import type { BeginAnswer } from './receiver.js';
import { replies } from './replies.js';

const plain: MailParametersResult = { parameters: defaultEnvelopeParameters };

/** Reads the reverse-path and the parameters and asks policy for a transaction. */
export function beginTransaction(session: Conversation, argument: string) {
  const refusal = outOfOrder(session);
  if (refusal !== undefined) return session.refuse('MAIL', refusal);
  const start = pathStart(argument, 'FROM:', session.shared.isStrict);
  if (start < 0) return session.refuse('MAIL', replies.syntax);
  const path = parsePath(argument, start);
  // RFC 5321 section 4.1.1.3: only RCPT knows a postmaster without a domain.
  if (path === undefined || path.address?.domain === '') return session.refuse('MAIL', replies.badSenderPath);
  const given = parseParameters(argument.slice(path.end), !session.shared.isStrict);
  if (given === undefined) return session.refuse('MAIL', replies.syntax);
  // RFC 5321 section 4.1.1.1: parameters belong to extensions, which only EHLO opens.
  if (given.length > 0 && !session.peer.isExtended) return session.refuse('MAIL', replies.unknownParameter);
  const result = given.length === 0 ? plain : readMailParameters(given, parameterContext(session));
  if ('refusal' in result) return session.refuse('MAIL', result.refusal);
  if (path.address !== null && !result.parameters.smtpUtf8 && isInternationalAddress(path.address)) {
    return session.refuse('MAIL', replies.needsSmtpUtf8);
  }
  session.ask(session.shared.policy.begin(session.peer, path.address, result.parameters), answered);
}

/** Where the path begins behind `FROM:` or `TO:`; -1 when the word is another. */
export function pathStart(argument: string, word: string, isStrict: boolean): number {
  const length = word.length;
  if (argument.slice(0, length).toUpperCase() !== word) return -1;
  if (isStrict) return length;
  // RFC 5321 section 3.3 forbids blanks here; old clients write them all the same.
  let start = length;
  while (argument[start] === ' ') start++;
  return start;
}

function answered(session: Conversation, answer: BeginAnswer): void {
  session.transaction = answer.transaction;
  if (answer.transaction !== undefined) session.times.markTransaction(session.shared.nowMs);
  session.give(answer);
}

function outOfOrder(session: Conversation): Reply | undefined {
  const { options } = session.shared;
  if (session.peer.helloName === '') return replies.helloFirst;
  if (options.isTlsRequired && !session.isTls) return replies.tlsRequired;
  if (session.transaction !== undefined) return replies.nestedMail;
  if (session.messages >= options.limits.messagesPerConnectionMax) {
    session.end();
    return replies.tooManyMessages;
  }
  // RFC 5321 section 4.2.3: told before the message is sent.
  if (session.shared.isShortOfMemory()) return replies.shortOfMemory;
  return undefined;
}

function parameterContext(session: Conversation) {
  const { options } = session.shared;
  return {
    isTls: session.isTls,
    hasAuth: options.hasAuth,
    sizeBytesMax: options.limits.sizeBytesMax,
    nowMs: options.clock.now(),
    holdMsMax: holdMsMaxOf(options, session.peer.role),
    mayHurry: session.peer.role === 'submission' || session.peer.identity !== undefined,
  };
}
