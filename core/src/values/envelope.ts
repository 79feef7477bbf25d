/** The envelope: who a message is from and for, and what was asked for its way. Serialisable; never changed once made. */
import type { MailAddress, ReversePath } from './address.js';

/** When the sender wants to hear of a recipient (RFC 3461 section 4.1); an empty list is not allowed, see `Notify`. */
export type NotifyEvent = 'success' | 'failure' | 'delay';

/** `never`, or the events to tell. Absent means the default of RFC 3461 section 4.1: failure and delay. */
export type Notify = 'never' | readonly NotifyEvent[];

/** One forward-path with its parameters. */
export interface EnvelopeRecipient {
  readonly address: MailAddress;
  readonly notify?: Notify;
  /** Original recipient as `type;xtext-decoded value` (RFC 3461 section 4.2). */
  readonly orcpt?: string;
}

/** How much of the body's shape was declared (RFC 6152, RFC 3030). */
export type BodyType = '7bit' | '8bitmime' | 'binarymime';

/** DELIVERBY (RFC 2852): the moment by which delivery must have happened, and what to do then. */
export interface DeliverBy {
  readonly atMs: number;
  readonly mode: 'return' | 'notify';
  readonly trace: boolean;
}

/** What MAIL said. */
export interface EnvelopeParameters {
  readonly bodyType: BodyType;
  readonly smtpUtf8: boolean;
  /** SIZE in octets as declared (RFC 1870). */
  readonly declaredSizeBytes?: number;
  /** RET (RFC 3461 section 4.3). */
  readonly ret?: 'full' | 'hdrs';
  /** ENVID, xtext decoded (RFC 3461 section 4.4). */
  readonly envid?: string;
  /** REQUIRETLS (RFC 8689). */
  readonly requireTls: boolean;
  /** FUTURERELEASE as a moment (RFC 4865). */
  readonly holdUntilMs?: number;
  readonly deliverBy?: DeliverBy;
  /** MT-PRIORITY from -9 to 9 (RFC 6710); 0 when nothing was said. */
  readonly priority: number;
}

/** The envelope of one message. */
export interface Envelope {
  readonly reversePath: ReversePath;
  readonly recipients: readonly EnvelopeRecipient[];
  readonly parameters: EnvelopeParameters;
}

/** What a plain `MAIL FROM:<...>` means. */
export const defaultEnvelopeParameters: EnvelopeParameters = Object.freeze({
  bodyType: '7bit',
  smtpUtf8: false,
  requireTls: false,
  priority: 0,
});
