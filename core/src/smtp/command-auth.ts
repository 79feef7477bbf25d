/**
 * AUTH (RFC 4954): the framing of an exchange, which is the authenticator's. State lives in the session's next-line
 * function: nothing is shared.
 */
import { decodeInitialResponse, decodeResponse, encodeChallenge } from '../sasl/base64.js';
import type { SaslExchange, SaslStep } from '../services/authenticator.js';
import type { Reply } from '../values/reply.js';
import type { Conversation } from './conversation.js';
import { replies } from './replies.js';

/** Begins an exchange; the initial response may stand behind the mechanism (RFC 4954 section 4). */
export function authenticate(session: Conversation, argument: string) {
  const [mechanism = '', initial, ...rest] = argument.split(' ');
  const refusal = outOfOrder(session);
  if (refusal !== undefined) return session.refuse('AUTH', refusal);
  if (mechanism === '' || rest.length > 0) return session.refuse('AUTH', replies.syntax);
  const exchange = session.shared.policy.logins.start(session.peer, mechanism);
  if (exchange === undefined) return session.refuse('AUTH', replies.authUnknown);
  const response = initial === undefined ? undefined : decodeInitialResponse(initial);
  if (initial !== undefined && response === undefined) return session.refuse('AUTH', replies.authBadBase64);
  step(session, exchange, response);
}

/** What AUTH offers now; nothing when it can't be used. */
export function offeredMechanisms(session: Conversation): readonly string[] {
  const { options, policy } = session.shared;
  if (!options.hasAuth || session.peer.identity !== undefined) return [];
  return policy.logins.mechanisms(session.peer);
}

function outOfOrder(session: Conversation): Reply | undefined {
  const { options } = session.shared;
  if (!options.hasAuth) return replies.authNotOffered;
  if (session.peer.helloName === '' || !session.peer.isExtended) return replies.helloFirst;
  if (!session.isTls && !session.peer.mayShowPassword) return replies.authNeedsTls;
  if (session.peer.identity !== undefined) return replies.authDone;
  if (session.transaction !== undefined) return replies.authInTransaction;
  return undefined;
}

function step(session: Conversation, exchange: SaslExchange, response: Uint8Array | undefined) {
  session.ask(exchange.step(response), (asked, given) => answer(asked, exchange, given));
}

function answer(session: Conversation, exchange: SaslExchange, given: SaslStep) {
  switch (given.status) {
    case 'challenge':
      return challenge(session, exchange, given.challenge);
    case 'malformed':
      return session.refuse('AUTH', replies.authMalformed);
    case 'granted':
      session.peer.identity = given.identity;
      return session.say(replies.authOk);
    default:
      return session.say(given.reply);
  }
}

function challenge(session: Conversation, exchange: SaslExchange, octets: Uint8Array) {
  session.write(`334 ${encodeChallenge(octets)}\r\n`);
  session.takeNextLine((line) => {
    // RFC 4954 section 4: a line with a lone asterisk cancels.
    if (line === '*') return session.refuse('AUTH', replies.authCancelled);
    // Some clients write `=` for an empty response here too.
    const response = line === '=' ? Buffer.alloc(0) : decodeResponse(line);
    if (response === undefined) return session.refuse('AUTH', replies.authBadBase64);
    step(session, exchange, response);
  });
}
