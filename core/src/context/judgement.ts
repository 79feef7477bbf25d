/** What policy thought of a message, in one line. */
import { key } from './key.js';

/** Set it on a message that is taken: it goes into the queue with the message and stands in its trace. */
export const judgement = key<string>('core.judgement', { persistent: true });
