/** The messages whose recipients are in the scheduler's hands, each once, however many recipients it has. */
import type { QueuedMessage } from '../../services/queue-store.js';

/** Counts uses of messages; the last one to let go releases the body. */
export interface ActiveMessages {
  /** The message, when somebody holds it already. */
  find(id: string): QueuedMessage | undefined;
  /** Holds the message for one recipient more. */
  hold(message: QueuedMessage, recipients: number): void;
  /** Lets go of it for so many recipients. */
  letGo(id: string, recipients: number): void;
  readonly size: number;
}

/** An empty one. */
export function createActiveMessages(): ActiveMessages {
  const entries = new Map<string, { message: QueuedMessage; uses: number }>();
  return {
    find: (id) => entries.get(id)?.message,
    hold(message, recipients) {
      const entry = entries.get(message.id);
      if (entry !== undefined) {
        entry.uses += recipients;
        return;
      }
      message.body.retain();
      entries.set(message.id, { message, uses: recipients });
    },
    letGo(id, recipients) {
      const entry = entries.get(id);
      if (entry === undefined) return;
      entry.uses -= recipients;
      if (entry.uses > 0) return;
      entries.delete(id);
      // `release` never rejects; what it removes is no longer needed by anybody.
      void entry.message.body.release();
    },
    get size() {
      return entries.size;
    },
  };
}
