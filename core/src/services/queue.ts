/** The running queue, for plugins and commands: safe at any time. */
import { token } from '../di/token.js';
import type { QueueChange, QueueCounts, QueuedMessage, QueueFilter, QueuePage } from './queue-store.js';

/** The queue's operations; changes take effect in the running scheduler at once. */
export interface Queue {
  list(filter: QueueFilter, options: { readonly after?: string; readonly limit: number }): Promise<QueuePage>;
  message(id: string): Promise<QueuedMessage | undefined>;
  count(filter?: QueueFilter): Promise<QueueCounts>;
  retry(filter: QueueFilter): Promise<number>;
  hold(filter: QueueFilter, reason: string): Promise<number>;
  release(filter: QueueFilter): Promise<number>;
  delete(filter: QueueFilter): Promise<number>;
  change(filter: QueueFilter, change: QueueChange): Promise<number>;
}

/** The token of the running queue. */
export const Queue = token<Queue>('core.queue');
