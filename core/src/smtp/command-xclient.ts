/** XCLIENT and XFORWARD: a trusted filter or proxy in front of us says whom it speaks for (Postfix's extensions). */
import { isIP } from 'node:net';
import { type Key, key } from '../context/key.js';
import { parseDomain } from '../values/address.js';
import type { Conversation } from './conversation.js';
import { replies } from './replies.js';
import { greet } from './session-steps.js';
import { decodeXtext } from './xtext.js';

/** What XFORWARD said of the client before the filter, by name, for logs and trace plugins; never used to decide. */
export const forwardedKey: Key<Readonly<Record<string, string>>> = key('core.forwarded');

/** The names that EHLO offers. */
export const xclientNames = 'NAME ADDR PORT PROTO HELO';
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
  const { peer } = session;
  const address = addressOf(attributes.get('ADDR'));
  const port = attributes.get('PORT') ?? '0';
  const helloName = attributes.get('HELO') ?? '';
  const isValid =
    address !== undefined &&
    /^\d{1,5}$/.test(port) &&
    (helloName === '' || parseDomain(helloName) !== undefined);
  if (!isValid) return session.refuse('XCLIENT', replies.badParameter);
  session.isForwarded = true;
  if (address !== '') peer.remoteAddress = address;
  peer.remotePort = Number(port);
  peer.helloName = helloName;
  peer.isExtended = attributes.get('PROTO')?.toUpperCase() !== 'SMTP';
  peer.identity = undefined;
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
