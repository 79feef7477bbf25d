/** A report that came back by mail: that a message was not delivered (RFC 3464), or that somebody complains (RFC 5965). */
import type { MailAddress } from './address.js';
import type { BounceClass } from './bounce-class.js';
import type { Reply } from './reply.js';

/** What a report says about one recipient (RFC 3464 section 2.3). */
export interface ReportedRecipient {
  readonly address: MailAddress;
  /** What we had sent it to, when the report says so. */
  readonly originalAddress?: MailAddress;
  readonly action: 'failed' | 'delayed' | 'delivered' | 'relayed' | 'expanded';
  /** The words of the server that refused it, or what stands in for them. */
  readonly reply: Reply;
  readonly bounceClass: BounceClass;
  /** Whether it was given up for a reason that will not mend (5.y.z); a class of `quota` or `block` may all the same. */
  readonly isHard: boolean;
  readonly remote?: string;
}

/** What a complaint says (RFC 5965 section 3). */
export interface ReportedComplaint {
  /** `abuse`, `fraud`, `virus`, `not-spam`, `opt-out` or another word. */
  readonly feedbackType: string;
  readonly recipients: readonly MailAddress[];
  readonly reversePath?: MailAddress;
  readonly sourceAddress?: string;
  readonly userAgent?: string;
}

/** A report as a value. All of it is what the message says: anybody could have written it. */
export interface ReceivedReport {
  readonly kind: 'bounce' | 'complaint';
  readonly reportingMta?: string;
  /** ENVID of the message it is about. */
  readonly envid?: string;
  /** Message-ID of the message it is about. */
  readonly messageIdField?: string;
  /** Empty for complaints. */
  readonly recipients: readonly ReportedRecipient[];
  readonly complaint?: ReportedComplaint;
}
