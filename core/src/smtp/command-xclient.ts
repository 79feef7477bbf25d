/** XCLIENT and XFORWARD: a trusted filter or proxy in front of us says whom it speaks for (Postfix's extensions). */
import { isIP } from 'node:net';
import { type Key, key } from '../context/key.js';
import { parseDomain } from '../values/address.js';
import type { Identity } from '../values/identity.js';
import type { Conversation } from './conversation.js';
import { replies } from './replies.js';
import { greet } from './session-steps.js';
import { decodeXtext } from './xtext.js';

/** What XFORWARD said of the client before the filter, by name, for logs and trace plugins; never used to decide. */
export const forwardedKey: Key<Readonly<Record<string, string>>> = key('core.forwarded');

/** The names that EHLO offers. */
export const xclientNames = 'NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT';
/** The names that EHLO offers for XFORWARD. */
export const xforwardNames = 'NAME ADDR PORT PROTO HELO IDENT SOURCE';

/** Whether the peer may use either; once XCLIENT has named a client, that client may not. */
export function mayForward(session: Conversation): boolean {
  return (
    !session.isForwarded && session.shared.options.isTrustedForwarder?.(session.peer.remoteAddress) === true
  );
}

/** The session begins anew as the client that is named, with a greeting and without what was known. */
export function takeClient(session: Conversation, argument: string) {
  const attributes = readAttributes(session, 'XCLIENT', xclientNames, argument);
  if (attributes === undefined) return;
  const facts = factsOf(attributes);
  if (facts === undefined) return session.refuse('XCLIENT', replies.badParameter);
  const login = attributes.get('LOGIN');
  if (login === undefined) return become(session, facts, undefined);
  // Whoever is trusted to say who the client is has checked the password; the account must be one of ours all the same.
  session.ask(session.shared.policy.vouch(session.peer, login), (_, vouched) => {
    if ('reply' in vouched) return session.refuse('XCLIENT', vouched.reply);
    become(session, facts, vouched);
  });
}

/** What XCLIENT says of the client, read and checked; empty where it was not said. */
interface ClientFacts {
  readonly address: string;
  readonly port: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly helloName: string;
  readonly isExtended: boolean;
}

function factsOf(attributes: ReadonlyMap<string, string>): ClientFacts | undefined {
  const address = addressOf(attributes.get('ADDR'));
  const localAddress = addressOf(attributes.get('DESTADDR'));
  const [port = '0', localPort = '0'] = [attributes.get('PORT'), attributes.get('DESTPORT')];
  const helloName = attributes.get('HELO') ?? '';
  if (address === undefined || localAddress === undefined) return undefined;
  if (![port, localPort].every((text) => /^\d{1,5}$/.test(text) && Number(text) < 65_536)) return undefined;
  if (helloName !== '' && parseDomain(helloName) === undefined) return undefined;
  return {
    address,
    port: Number(port),
    localAddress,
    localPort: Number(localPort),
    helloName,
    isExtended: attributes.get('PROTO')?.toUpperCase() !== 'SMTP',
  };
}

function become(session: Conversation, facts: ClientFacts, identity: Identity | undefined): void {
  const { peer } = session;
  session.isForwarded = true;
  if (facts.address !== '') peer.remoteAddress = facts.address;
  peer.remotePort = facts.port;
  if (facts.localAddress !== '') peer.localAddress = facts.localAddress;
  if (facts.localPort !== 0) peer.localPort = facts.localPort;
  peer.helloName = facts.helloName;
  peer.isExtended = facts.isExtended;
  peer.identity = identity;
  session.ask(session.shared.policy.connect(peer), greet);
}

/** Remembered for logs. */
export function takeForwarded(session: Conversation, argument: string): void {
  const attributes = readAttributes(session, 'XFORWARD', xforwardNames, argument);
  if (attributes === undefined) return;
  session.peer.set(forwardedKey, { ...session.peer.get(forwardedKey), ...Object.fromEntries(attributes) });
  session.say(replies.ok);
}

/** The attributes that are known and available; after a refusal `undefined`. */
function readAttributes(
  session: Conversation,
  verb: string,
  names: string,
  argument: string,
): ReadonlyMap<string, string> | undefined {
  const refusal = !mayForward(session)
    ? replies.notAllowed
    : session.transaction !== undefined
      ? replies.nestedMail
      : undefined;
  const attributes = new Map<string, string>();
  const known = names.split(' ');
  for (const word of argument.split(/ +/)) {
    const equals = word.indexOf('=');
    const name = word.slice(0, Math.max(0, equals)).toUpperCase();
    const value = decodeXtext(word.slice(equals + 1));
    if (refusal !== undefined || !known.includes(name) || value === undefined) {
      session.refuse(verb, refusal ?? replies.badParameter);
      return undefined;
    }
    if (value !== '[UNAVAILABLE]' && value !== '[TEMPUNAVAIL]') attributes.set(name, value);
  }
  return attributes;
}

/** Empty when none was given, `undefined` when it is none. */
function addressOf(text: string | undefined): string | undefined {
  if (text === undefined) return '';
  const address = text.replace(/^IPV6:/i, '').toLowerCase();
  return isIP(address) === 0 ? undefined : address;
}
