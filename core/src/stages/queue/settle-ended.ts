/** Writes what became of a try's recipients, and tells those who want to know once it is durable. */
import { isThenable } from '../../hooks/call.js';
import type { SettledEvent } from '../../hooks/table.js';
import type { Counter, Metrics } from '../../services/metrics.js';
import type { QueuedRecipient } from '../../services/queue-store.js';
import { type Conclusion, conclude } from './conclude.js';
import type { Ended } from './ended.js';
import type { Hands } from './hands.js';

/** See the file's comment. Never rejects; lets go of the message. */
export async function settleEnded(hands: Hands, all: Ended): Promise<void> {
  const ended = {
    ...all,
    recipients: all.recipients.filter(({ recipient }) => isStillHeld(hands, recipient)),
  };
  const concluding = conclude(ended, hands.judge);
  const conclusion = isThenable(concluding) ? await concluding : concluding;
  const isDurable = conclusion.settlements.length === 0 || (await hands.settler.settle(conclusion));
  hands.messages.letGo(all.message.id, all.recipients.length);
  for (const addition of conclusion.additions) void addition.body.release();
  noteEnded(hands, ended);
  if (isDurable) tell(hands, conclusion);
}

function noteEnded({ timeline }: Hands, { message, recipients, site, how, transcript }: Ended): void {
  if (transcript !== undefined && transcript.length > 0 && recipients.length > 0)
    timeline.note(message.id, { event: 'attempt', site, detail: how, transcript });
  for (const { recipient, outcome } of recipients) {
    timeline.note(message.id, { event: outcome.status, recipient, site, outcome, detail: how });
  }
}

/**
 * Whether the lease of a recipient holds long enough to settle it. Who waited for its turn beyond that has been leased
 * anew, perhaps to ourselves: the settlement would be ignored, but the DSN about it would go out, and another one later.
 */
function isStillHeld({ parts }: Hands, { dueAtMs }: QueuedRecipient): boolean {
  return dueAtMs - parts.clock.now() > Math.min(parts.options.leaseMs / 20, settleMsMax);
}

/** A commit should never take longer. */
const settleMsMax = 60_000;

const endedCounters = new WeakMap<Metrics, Map<SettledEvent['status'], Counter>>();

/** Asking the registry costs more than counting. */
function endedCounter(metrics: Metrics, status: SettledEvent['status']): Counter {
  let counters = endedCounters.get(metrics);
  if (counters === undefined) {
    counters = new Map();
    endedCounters.set(metrics, counters);
  }
  let counter = counters.get(status);
  if (counter === undefined) {
    counter = metrics.counter('queue_recipients_ended', 'Recipients whose way has ended', { status });
    counters.set(status, counter);
  }
  return counter;
}

function tell(hands: Hands, conclusion: Conclusion): void {
  const { metrics, policy } = hands.parts;
  for (const event of conclusion.events) {
    if (event.status !== 'delivered') {
      hands.timeline.note(event.message.id, { event: event.status, recipient: event.recipient });
    }
    endedCounter(metrics, event.status).increase();
    try {
      policy.settled(event);
    } catch (error) {
      hands.failed('settled', error);
    }
  }
  if (conclusion.additions.length > 0) hands.changed({ isMore: true });
  for (const one of conclusion.settlements) {
    if (one.to === 'waiting') hands.changed({ dueAtMs: one.dueAtMs });
  }
}
