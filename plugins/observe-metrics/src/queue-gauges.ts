/** The part of the queue that one of several workers has, as metrics of that worker: whoever is asked adds up those of all. */
import type { Gauge, Metrics, Queue, RecipientState } from '@postroad/core';

/** What the queue's metrics are called, and what they say. */
export const queueMetrics = {
  recipients: ['queue_recipients', 'Recipients in the queue by state.'],
  messages: ['queue_messages', 'Messages in the queue.'],
} as const;

/** See the file's comment. */
export interface QueueGauges {
  /**
   * Counts anew; resolves with `false` when all workers see the same queue: then it is told by the one that is asked.
   * Rejects when the queue can not be counted.
   */
  count(): Promise<boolean>;
}

/** Gauges in the registry, which say nothing before the first count. */
export function createQueueGauges(metrics: Metrics, queue: Queue): QueueGauges {
  const byState = new Map<string, Gauge>();
  return {
    async count() {
      if (queue.isShared) return false;
      const counts = await queue.count({});
      metrics.gauge(...queueMetrics.messages).set(counts.messages);
      for (const [state, value] of Object.entries(counts.byState) as [RecipientState, number][]) {
        const gauge = byState.get(state) ?? metrics.gauge(...queueMetrics.recipients, { state });
        byState.set(state, gauge);
        gauge.set(value);
      }
      return true;
    },
  };
}
