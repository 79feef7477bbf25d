/** Who may be told what about a recipient. Pure. */

import type { QueuedMessage, QueuedRecipient } from '../../services/queue-store.js';
import type { NotifyEvent } from '../../values/envelope.js';

/**
 * Whether the sender is to be told of this event. Nobody is told about a message with a null reverse-path: a DSN about
 * a DSN would loop (RFC 5321 section 4.5.5). Without NOTIFY the events are failure and delay (RFC 3461 section 4.1).
 */
export function isToBeTold(message: QueuedMessage, recipient: QueuedRecipient, event: NotifyEvent): boolean {
  if (message.reversePath === null) return false;
  const notify = recipient.notify;
  if (notify === 'never') return false;
  if (notify === undefined) return event !== 'success';
  return notify.includes(event);
}
