/** What EHLO and LHLO offer. */
import type { ListenerRole } from '../context/connection.js';
import { xclientNames, xforwardNames } from './command-xclient.js';
import type { ReceiverOptions } from './receiver.js';

/** What changes the offer from connection to connection. */
export interface OfferState {
  readonly role: ListenerRole;
  readonly isTls: boolean;
  /** What AUTH offers now; nothing when it can't be used. */
  readonly mechanisms: readonly string[];
  /** Whether XCLIENT and XFORWARD may be used. */
  readonly mayForward: boolean;
  readonly nowMs: number;
}

/** The lines behind the host name, in their usual order. */
export function offeredExtensions(options: ReceiverOptions, state: OfferState): readonly string[] {
  const { limits } = options;
  const lines = [
    'PIPELINING', // RFC 2920
    `SIZE ${limits.sizeBytesMax}`, // RFC 1870
    '8BITMIME', // RFC 6152
    'SMTPUTF8', // RFC 6531
    'ENHANCEDSTATUSCODES', // RFC 2034
    'DSN', // RFC 3461
    'CHUNKING', // RFC 3030
    'BINARYMIME', // RFC 3030
    'DELIVERBY', // RFC 2852
    'MT-PRIORITY', // RFC 6710
    `LIMITS MAILMAX=${limits.messagesPerConnectionMax} RCPTMAX=${limits.recipientsMax}`, // RFC 9422
  ];
  const holdMsMax = holdMsMaxOf(options, state.role);
  // RFC 4865 section 4: the longest hold in seconds, and as a moment.
  if (holdMsMax > 0) {
    const untilText = new Date(state.nowMs + holdMsMax).toISOString().replace(/\.\d+Z$/, 'Z');
    lines.push(`FUTURERELEASE ${Math.floor(holdMsMax / 1_000)} ${untilText}`);
  }
  // RFC 8689 section 2: only under TLS.
  if (state.isTls) lines.push('REQUIRETLS');
  // RFC 3207 section 4.2: not once TLS is active.
  if (options.tls === 'starttls' && !state.isTls) lines.push('STARTTLS');
  if (state.mechanisms.length > 0) lines.push(`AUTH ${state.mechanisms.join(' ')}`); // RFC 4954
  if (state.mayForward) lines.push(`XCLIENT ${xclientNames}`, `XFORWARD ${xforwardNames}`);
  return lines;
}

/** RFC 4865 section 4: holding mail is a service for submission, not for strangers. */
export function holdMsMaxOf(options: ReceiverOptions, role: ListenerRole): number {
  return role === 'submission' ? options.limits.holdMsMax : 0;
}
