/** What the parameters of RCPT mean (RFC 3461). */
import type { MailAddress } from '../values/address.js';
import type { EnvelopeRecipient, Notify, NotifyEvent } from '../values/envelope.js';
import type { Reply } from '../values/reply.js';
import { type CommandParameter, parseParameters } from './command-parameters.js';
import { replies } from './replies.js';
import { decodeXtext } from './xtext.js';

/** The recipient, or the reply that refuses it. */
export type RecipientResult = { readonly recipient: EnvelopeRecipient } | { readonly refusal: Reply };

/** The recipient that an address and the text of its parameters make, such as `NOTIFY=NEVER`; `undefined` when they are bad. */
export function parseRecipient(address: MailAddress, parameters: string): EnvelopeRecipient | undefined {
  const given = parseParameters(parameters === '' ? '' : ` ${parameters}`, true);
  const read = given === undefined ? undefined : readRecipientParameters(address, given);
  return read !== undefined && 'recipient' in read ? read.recipient : undefined;
}

const notifyEvents: readonly string[] = ['success', 'failure', 'delay'];

/** Reads them; an unknown one is 555 and a bad value 501 (RFC 5321 section 4.1.1.11). */
export function readRecipientParameters(
  address: MailAddress,
  given: readonly CommandParameter[],
): RecipientResult {
  if (given.length === 0) return { recipient: { address } };
  let notify: Notify | undefined;
  let orcpt: string | undefined;
  for (const { keyword, value } of given) {
    if (keyword === 'NOTIFY') {
      notify = parseNotify(value);
      if (notify === undefined) return { refusal: replies.badParameter };
    } else if (keyword === 'ORCPT') {
      orcpt = parseOrcpt(value);
      if (orcpt === undefined) return { refusal: replies.badParameter };
    } else {
      return { refusal: replies.unknownParameter };
    }
  }
  return {
    recipient: {
      address,
      ...(notify === undefined ? {} : { notify }),
      ...(orcpt === undefined ? {} : { orcpt }),
    },
  };
}

/** RFC 3461 section 4.1: NEVER stands alone. */
function parseNotify(value: string | undefined): Notify | undefined {
  if (value === undefined) return undefined;
  const events = value.toLowerCase().split(',');
  if (events.length === 1 && events[0] === 'never') return 'never';
  const isValid = events.every(
    (event, index) => notifyEvents.includes(event) && events.indexOf(event) === index,
  );
  return isValid ? (events as NotifyEvent[]) : undefined;
}

/** RFC 3461 section 4.2: an address type, `;` and xtext, at most 500 characters; RFC 6533 adds a form of UTF-8. */
function parseOrcpt(value: string | undefined): string | undefined {
  if (value === undefined || value.length > 500) return undefined;
  const semicolon = value.indexOf(';');
  const type = value.slice(0, Math.max(0, semicolon)).toLowerCase();
  if (!/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/.test(type)) return undefined;
  const original = type === 'utf-8' ? value.slice(semicolon + 1) : decodeXtext(value.slice(semicolon + 1));
  return original === undefined || original === '' ? undefined : `${type};${original}`;
}
