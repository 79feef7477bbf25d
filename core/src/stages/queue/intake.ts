/** What happens to a recipient between its lease and its place in the table of sites. */
import { isThenable } from '../../hooks/call.js';
import type { MaybePromise } from '../../hooks/kinds.js';
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

interface Way {
  readonly route: Route;
  readonly site: string;
}

interface Asked {
  readonly policy: SchedulerPolicy;
  readonly siteNames: SiteNames;
  failed(what: string, error: unknown): void;
}

/**
 * Asks where each recipient goes. Never rejects: a route that can't be found for now is a deferral. A promise only when
 * one had to be waited for.
 */
export function sortByRoute(
  message: QueuedMessage,
  recipients: readonly QueuedRecipient[],
  policy: SchedulerPolicy,
  { siteNames, failed }: Pick<Asked, 'siteNames' | 'failed'>,
): MaybePromise<Sorted> {
  const asked: Asked = { policy, siteNames, failed };
  const answers = recipients.map((recipient) => wayOf(message, recipient, asked));
  if (!answers.some(isThenable)) return sorted(recipients, answers as readonly (Way | Refusal)[]);
  return Promise.all(answers).then((all) => sorted(recipients, all));
}

function wayOf(
  message: QueuedMessage,
  recipient: QueuedRecipient,
  { policy, siteNames, failed }: Asked,
): MaybePromise<Way | Refusal> {
  const named = (answer: Route | Refusal): MaybePromise<Way | Refusal> => {
    if (!('transport' in answer)) return answer;
    const site = siteNames.of(answer);
    return typeof site === 'string'
      ? { route: answer, site }
      : site.then((it) => ({ route: answer, site: it }));
  };
  const notFound = (error: unknown): Refusal => {
    failed('route', error);
    return { verdict: 'defer', reply: reply(451, '3.0', 'the route could not be found') };
  };
  // What an operator wants returned needs no route. RFC 3463 section 3.8: X.7.0, a policy without a closer word.
  if (recipient.bounceReason !== undefined) return reject(554, '7.0', recipient.bounceReason);
  if (recipient.redirect !== undefined) return named(recipient.redirect);
  try {
    const answer = policy.route(message, recipient);
    return isThenable(answer) ? Promise.resolve(answer).catch(notFound).then(named) : named(answer);
  } catch (error) {
    return notFound(error);
  }
}

function sorted(recipients: readonly QueuedRecipient[], answers: readonly (Way | Refusal)[]): Sorted {
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
