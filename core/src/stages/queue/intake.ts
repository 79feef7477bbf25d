/** What happens to a recipient between its lease and its place in the table of sites. */
import type { QueuedMessage, QueuedRecipient } from '../../services/queue-store.js';
import { isPermanent, reply } from '../../values/reply.js';
import type { RecipientOutcome } from '../../values/report.js';
import type { Route } from '../../values/route.js';
import { type Refusal, reject } from '../../values/verdict.js';
import type { RoutedQueuedRecipient } from './delivery-job.js';
import type { SchedulerPolicy } from './scheduler-policy.js';
import type { SiteNames } from './site-names.js';

/** Recipients after routing. */
export interface Sorted {
  readonly routed: readonly RoutedQueuedRecipient[];
  /** Those that have no way, with the reason as their outcome. */
  readonly refused: readonly { readonly recipient: QueuedRecipient; readonly outcome: RecipientOutcome }[];
}

/** Asks where each recipient goes. Never rejects: a route that can't be found for now is a deferral. */
export async function sortByRoute(
  message: QueuedMessage,
  recipients: readonly QueuedRecipient[],
  policy: SchedulerPolicy,
  of: { readonly siteNames: SiteNames; failed(what: string, error: unknown): void },
): Promise<Sorted> {
  const ask = async (recipient: QueuedRecipient): Promise<Route | Refusal> => {
    // What an operator wants returned needs no route. RFC 3463 section 3.8: X.7.0, a policy without a closer word.
    if (recipient.bounceReason !== undefined) return reject(554, '7.0', recipient.bounceReason);
    if (recipient.redirect !== undefined) return recipient.redirect;
    try {
      return await policy.route(message, recipient);
    } catch (error) {
      of.failed('route', error);
      return { verdict: 'defer', reply: reply(451, '3.0', 'the route could not be found') };
    }
  };
  const answers = await Promise.all(
    recipients.map(async (recipient) => {
      const answer = await ask(recipient);
      return 'transport' in answer ? { route: answer, site: await of.siteNames.of(answer) } : answer;
    }),
  );
  const routed: RoutedQueuedRecipient[] = [];
  const refused: Sorted['refused'][number][] = [];
  answers.forEach((answer, at) => {
    const recipient = recipients[at] as QueuedRecipient;
    if ('route' in answer) {
      routed.push({ recipient, ...answer });
      return;
    }
    const status = isPermanent(answer.reply) ? 'failed' : 'deferred';
    refused.push({ recipient, outcome: { index: recipient.index, status, reply: answer.reply } });
  });
  return { routed, refused };
}
