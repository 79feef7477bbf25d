/** A try that has ended. */
import type { QueuedMessage, QueuedRecipient } from '../../services/queue-store.js';
import type { RecipientOutcome } from '../../values/report.js';

/** What is known when a try has ended. */
export interface Ended {
  readonly message: QueuedMessage;
  readonly site: string;
  readonly recipients: readonly { readonly recipient: QueuedRecipient; readonly outcome: RecipientOutcome }[];
  /** The kind of the DSN that says it went well: only the last hop can say more than `relayed`. */
  readonly successKind: 'success' | 'relayed';
  /** How it was tried, for the timeline. */
  readonly how?: string | undefined;
  readonly transcript?: readonly string[] | undefined;
  /** The site is not to be tried before this moment, whatever the schedule says. */
  readonly notBeforeMs?: number | undefined;
}
