/** Leased recipients that are not tried. */
import type { Suspension } from '../../services/queue.js';
import type { QueuedRecipient } from '../../services/queue-store.js';
import type { DeliveryJob } from './delivery-job.js';
import type { Hands } from './hands.js';
import { leaseOf } from './recipient-transitions.js';

// How often suspended recipients are looked at; when they are resumed by hand, those of a site or domain come at once.
const suspendedLookMs = 15 * 60_000;

/** How to give recipients back. */
export interface GiveBackOptions {
  /** Not before this moment; ready at once by default. */
  readonly dueAtMs?: number;
  /** The site they were found to go to; the one they had by default. */
  readonly site?: string;
}

/** Gives recipients back to the store; the attempt that was counted is taken back. */
export function giveBack(
  hands: Hands,
  recipients: readonly QueuedRecipient[],
  { dueAtMs, site }: GiveBackOptions = {},
): void {
  const to = dueAtMs === undefined ? 'ready' : 'waiting';
  const atMs = dueAtMs ?? hands.parts.clock.now();
  const settlements = recipients.map((one) => {
    return { ...leaseOf(one), to, dueAtMs: atMs, isUntried: true, site: site ?? one.site } as const;
  });
  hands.passing += recipients.length;
  const settled = hands.settler.settle({ settlements, additions: [] }).then(() => {
    hands.passing -= recipients.length;
    hands.changed(dueAtMs === undefined ? { isMore: true } : { dueAtMs });
  });
  hands.track(settled);
}

/** Gives the recipients of a delivery back that has not begun. */
export function giveBackJob(hands: Hands, job: DeliveryJob): void {
  hands.messages.letGo(job.message.id, job.recipients.length);
  giveBack(hands, job.recipients, { site: job.site });
}

/** Gives recipients back whose deliveries are suspended; they are looked at again now and then. */
export function giveBackSuspended(
  hands: Hands,
  recipients: readonly QueuedRecipient[],
  suspension: Suspension,
  site: string,
): void {
  const laterMs = hands.parts.clock.now() + suspendedLookMs;
  for (const recipient of recipients) {
    hands.timeline.note(recipient.messageId, {
      event: 'suspended',
      recipient,
      site,
      detail: `${suspension.kind} ${suspension.value}: ${suspension.reason}`,
    });
  }
  giveBack(hands, recipients, { dueAtMs: Math.min(laterMs, suspension.untilMs ?? laterMs), site });
}

/** Holds recipients that can't be tried. */
export function setAside(hands: Hands, recipients: readonly QueuedRecipient[], holdReason: string): void {
  for (const recipient of recipients) {
    hands.timeline.note(recipient.messageId, { event: 'held', recipient, detail: holdReason });
  }
  const settlements = recipients.map((one) => {
    return { ...leaseOf(one), to: 'held', dueAtMs: 0, holdReason } as const;
  });
  hands.passing += recipients.length;
  const settled = hands.settler.settle({ settlements, additions: [] }).then(() => {
    hands.passing -= recipients.length;
  });
  hands.track(settled);
}
