/** What EHLO and LHLO offer. */
import type { ReceiverOptions } from './receiver.js';

/** The state of a connection that changes what is offered. */
export interface OfferState {
  readonly isTls: boolean;
  readonly isLoggedIn: boolean;
}

/** The lines behind the host name, in their usual order. */
export function offeredExtensions(options: ReceiverOptions, state: OfferState): readonly string[] {
  const lines = [
    'PIPELINING', // RFC 2920
    `SIZE ${options.limits.sizeBytesMax}`, // RFC 1870
    '8BITMIME', // RFC 6152
    'SMTPUTF8', // RFC 6531
    'ENHANCEDSTATUSCODES', // RFC 2034
    'DSN', // RFC 3461
  ];
  // RFC 3207 section 4.2: not once TLS is active.
  if (options.tls === 'starttls' && !state.isTls) lines.push('STARTTLS');
  if (mayLogIn(options, state.isTls) && !state.isLoggedIn) lines.push('AUTH PLAIN LOGIN'); // RFC 4954
  return lines;
}

/** Whether AUTH may be used now: never on a line that can be listened to, unless asked for. */
export function mayLogIn(options: ReceiverOptions, isTls: boolean): boolean {
  return options.hasAuth && (isTls || options.isPlaintextAuthAllowed);
}
