/** EHLO, HELO, LHLO: who the client says it is, and what it may use. */
import { parseDomain } from '../values/address.js';
import { reply } from '../values/reply.js';
import { offeredMechanisms } from './command-auth.js';
import { mayForward } from './command-xclient.js';
import type { Conversation } from './conversation.js';
import { type OfferState, offeredExtensions } from './extensions.js';
import type { ReceiverAnswer } from './receiver.js';
import { replies } from './replies.js';

const helloOctetsMax = 255;

/** RFC 5321 section 4.1.1.1, RFC 2033 section 4.1. */
export function sayHello(session: Conversation, verb: 'EHLO' | 'HELO' | 'LHLO', argument: string) {
  // RFC 2033 section 4.1: LMTP has LHLO and neither of the others.
  if ((verb === 'LHLO') !== session.shared.isLmtp) return session.refuse(verb, replies.unknownCommand);
  if (!isHelloName(argument, session.shared.isStrict)) return session.refuse(verb, replies.syntax);
  session.endTransaction();
  const { peer } = session;
  peer.helloName = argument;
  peer.isExtended = verb !== 'HELO';
  session.ask(session.shared.policy.hello(peer, argument), answered);
}

function answered(session: Conversation, answer: ReceiverAnswer | undefined) {
  const { peer, shared } = session;
  if (answer !== undefined) {
    // A client that was refused has not said hello.
    peer.helloName = '';
    return session.give(answer);
  }
  if (!peer.isExtended) return session.say(reply(250, undefined, shared.options.hostname));
  session.write(extensionsText(session));
}

/** Strict takes what RFC 5321 allows, and the names with underscores that many machines have. */
function isHelloName(name: string, isStrict: boolean): boolean {
  if (name === '' || name.length > helloOctetsMax) return false;
  if (parseDomain(name) !== undefined) return true;
  // A wrong name is the sender's mistake and no danger: hooks may judge it. Only what could break a trace field is out.
  return isStrict ? /^[A-Za-z0-9_.:[\]-]+$/.test(name) : /^[!-'*-~]+$/.test(name);
}

function extensionsText(session: Conversation): string {
  const { options } = session.shared;
  const lines = [options.hostname, ...offeredExtensions(options, stateOf(session))];
  const last = lines.length - 1;
  return lines.map((line, index) => `250${index === last ? ' ' : '-'}${line}\r\n`).join('');
}

function stateOf(session: Conversation): OfferState {
  return {
    role: session.peer.role,
    isTls: session.isTls,
    mechanisms: offeredMechanisms(session),
    mayForward: mayForward(session),
    nowMs: session.shared.options.clock.now(),
  };
}
