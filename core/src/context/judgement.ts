/** What policy thought of a message: in one line for people, and as points for plugins. */
import { type Key, key } from './key.js';

/** Set it on a message that is taken: it goes into the queue with the message and stands in its trace. */
export const judgement = key<string>('core.judgement', { persistent: true });

/** What the findings about a message come to. */
export interface MessageScore {
  /** The sum of all terms; above zero is spam. */
  readonly score: number;
  /** Such as `check-dnsbl/listed` or `spf/fail`, with their points. */
  readonly terms: readonly { readonly name: string; readonly points: number }[];
}

/**
 * Hangs on the message, and on its transaction, when a plugin such as `check-score` has added up. Those who learn from it
 * leave out their own terms, or they learn from themselves.
 */
export const messageScore: Key<MessageScore> = key('core.message-score');
