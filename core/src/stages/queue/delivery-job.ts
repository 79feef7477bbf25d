/** One delivery that waits for its turn, and how recipients of one message are gathered into deliveries. */
import type { QueuedMessage, QueuedRecipient } from '../../services/queue-store.js';
import type { Route } from '../../values/route.js';

/** One message to recipients of one site, in one transaction. */
export interface DeliveryJob {
  readonly message: QueuedMessage;
  readonly site: string;
  readonly recipients: readonly QueuedRecipient[];
  /** One for each recipient, in their order. */
  readonly routes: readonly Route[];
}

/** A recipient and where it goes. */
export interface RoutedQueuedRecipient {
  readonly recipient: QueuedRecipient;
  readonly route: Route;
  /** Whose limits count: the same for the same route. */
  readonly site: string;
}

/**
 * Gathers recipients of one message that may share a transaction: the same site and, but for local ones, exactly the
 * same route, so that no login and no TLS policy is used for a recipient it was not meant for.
 */
export function gatherJobs(
  message: QueuedMessage,
  routed: readonly RoutedQueuedRecipient[],
  recipientsMax: number,
): readonly DeliveryJob[] {
  if (routed.length === 1) return [jobOf(message, routed)];
  const groups = new Map<string, RoutedQueuedRecipient[]>();
  for (const one of routed) {
    const key = one.route.transport === 'local' ? 'local' : JSON.stringify(one.route);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [one]);
    else group.push(one);
  }
  const jobs: DeliveryJob[] = [];
  for (const group of groups.values()) {
    for (let at = 0; at < group.length; at += recipientsMax) {
      jobs.push(jobOf(message, group.slice(at, at + recipientsMax)));
    }
  }
  return jobs;
}

function jobOf(message: QueuedMessage, group: readonly RoutedQueuedRecipient[]): DeliveryJob {
  const first = group[0] as RoutedQueuedRecipient;
  return {
    message,
    site: first.site,
    recipients: group.map((one) => one.recipient),
    routes: group.map((one) => one.route),
  };
}
