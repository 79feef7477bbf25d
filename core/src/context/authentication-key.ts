/** Where plugins find what was found out about who says a message. */
import type { DmarcPolicy, MessageAuthentication } from '../values/message-authentication.js';
import { type Key, key } from './key.js';

/** Hangs on the message, and on its transaction, from the end of `inspect` on, when a plugin such as `check-auth` has looked. */
export const messageAuthentication: Key<MessageAuthentication> = key('core.authentication');

/**
 * Hangs on the message from the beginning of the check on, and resolves at its end with the same; it never rejects. An
 * `inspect` tap that builds on it comes `after: ['check-auth']`, so that it hangs there when the tap begins.
 */
export const pendingAuthentication: Key<Promise<MessageAuthentication>> = key('core.pending-authentication');

/** What was done with a message because of DMARC (RFC 7489 section 7.2, PolicyEvaluatedType). */
export interface DmarcDisposition {
  readonly disposition: DmarcPolicy;
  /** Why it is not what the domain asked for. */
  readonly override?: 'forwarded' | 'sampled_out' | 'trusted_forwarder' | 'mailing_list' | 'local_policy';
  readonly comment?: string;
}

/** Hangs on the message, and on its transaction, when a plugin such as `check-dmarc-policy` has decided. */
export const dmarcDisposition: Key<DmarcDisposition> = key('core.dmarc-disposition');
