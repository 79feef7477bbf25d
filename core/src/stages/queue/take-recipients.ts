/** What happens to leased recipients before their delivery has its place in a line. */
import { isThenable } from '../../hooks/call.js';
import type { MaybePromise } from '../../hooks/kinds.js';
import type { QueuedMessage, QueuedRecipient } from '../../services/queue-store.js';
import type { RecipientOutcome } from '../../values/report.js';
import { type DeliveryJob, gatherJobs, type RoutedQueuedRecipient } from './delivery-job.js';
import { giveBack, giveBackJob, giveBackSuspended, setAside } from './give-back.js';
import type { Hands } from './hands.js';
import { type Sorted, sortByRoute } from './intake.js';
import { settleEnded } from './settle-ended.js';
import type { DeadSite } from './site-health.js';

/**
 * Routes recipients and lines their deliveries up. The message is held, the recipients count as passing. A promise only
 * when there was something to wait for.
 */
export function takeRecipients(
  hands: Hands,
  message: QueuedMessage,
  recipients: readonly QueuedRecipient[],
): MaybePromise<void> {
  const { policy, options } = hands.parts;
  const fit = recipients.filter((one) => one.unsettledAttempts <= options.unsettledAttemptsMax);
  if (fit.length < recipients.length) holdPoison(hands, message, recipients);
  const sorted = sortByRoute(message, fit, policy, hands);
  return isThenable(sorted)
    ? sorted.then((it) => lineUpSorted(hands, message, it))
    : lineUpSorted(hands, message, sorted);
}

function lineUpSorted(hands: Hands, message: QueuedMessage, sorted: Sorted): MaybePromise<void> {
  const { options } = hands.parts;
  for (const job of gatherJobs(
    message,
    withoutSuspended(hands, message, sorted.routed),
    options.recipientsPerDeliveryMax,
  )) {
    lineUp(hands, job);
  }
  return sorted.refused.length === 0 ? undefined : settleRefused(hands, message, sorted.refused);
}

async function settleRefused(
  hands: Hands,
  message: QueuedMessage,
  refused: Sorted['refused'],
): Promise<void> {
  const site = refused[0]?.recipient.site ?? 'new';
  await settleEnded(hands, { message, site, recipients: refused, successKind: 'relayed' });
  hands.passing -= refused.length;
}

function withoutSuspended(
  hands: Hands,
  message: QueuedMessage,
  routed: readonly RoutedQueuedRecipient[],
): readonly RoutedQueuedRecipient[] {
  if (hands.suspensions.isEmpty) return routed;
  return routed.filter(({ recipient, site }) => {
    const suspension = hands.suspensions.find(message, recipient, site);
    if (suspension === undefined) return true;
    hands.passing--;
    hands.messages.letGo(message.id, 1);
    giveBackSuspended(hands, [recipient], suspension, site);
    return false;
  });
}

/** Ends a delivery that is not tried as if it had been deferred with these words. */
export async function deferJob(
  hands: Hands,
  job: DeliveryJob,
  said: Pick<RecipientOutcome, 'reply' | 'remote'>,
  dead?: DeadSite,
): Promise<void> {
  const recipients = job.recipients.map((recipient) => {
    return { recipient, outcome: { ...said, index: recipient.index, status: 'deferred' } } as const;
  });
  await settleEnded(hands, {
    message: job.message,
    site: job.site,
    recipients,
    successKind: 'relayed',
    notBeforeMs: dead?.isAppointed === true ? dead.untilMs : undefined,
  });
}

function lineUp(hands: Hands, job: DeliveryJob): void {
  const dead = hands.sites.dead(job.site, hands.parts.clock.now());
  if (dead !== undefined) {
    const deferred = deferJob(hands, job, dead.outcome, dead).then(() => {
      hands.passing -= job.recipients.length;
    });
    hands.track(deferred);
    return;
  }
  hands.passing -= job.recipients.length;
  const laterMs = hands.sites.postponed(job, hands.parts.clock.now());
  if (laterMs !== undefined) {
    hands.messages.letGo(job.message.id, job.recipients.length);
    giveBack(hands, job.recipients, { dueAtMs: laterMs, site: job.site });
    return;
  }
  if (hands.isRunning() && hands.sites.hasRoom(job.site)) hands.sites.add(job);
  else giveBackJob(hands, job);
}

/** The process died each time while these were tried, perhaps because of them: an operator must look. */
function holdPoison(hands: Hands, message: QueuedMessage, recipients: readonly QueuedRecipient[]): void {
  const poison = recipients.filter((one) => one.unsettledAttempts > hands.parts.options.unsettledAttemptsMax);
  hands.parts.log.error('queue held recipients whose deliveries never ended', { messageId: message.id });
  hands.passing -= poison.length;
  setAside(hands, poison, `the server stopped ${poison[0]?.unsettledAttempts} times while it was delivered`);
  hands.messages.letGo(message.id, poison.length);
}
