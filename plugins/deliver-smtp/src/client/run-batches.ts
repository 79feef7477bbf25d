/** Recipients in as many transactions as the server wants to have them in. */
import { type QueuedRecipient, reply } from '@postroad/core';
import { type Answer, tooMany } from './answer.js';
import { noCapabilities } from './capabilities.js';
import { fitting } from './limits.js';
import type { SmtpConnection } from './smtp-connection.js';

/** How one transaction is run, and who hears what became of it. */
export interface BatchOptions {
  run(
    recipients: readonly QueuedRecipient[],
  ): Promise<{ readonly answers: readonly Answer[]; readonly isUnheard: boolean }>;
  heard(answers: readonly Answer[]): void;
}

/** What is left. */
export interface BatchesEnd {
  /** The connection was used before, and lost before the server said anything more: nobody has got an answer. */
  readonly isStale: boolean;
  /** The server has said 421. */
  readonly isLeaving: boolean;
  /** Recipients that have not been named yet; the server would take them over another connection, if it is not leaving. */
  readonly waiting: readonly QueuedRecipient[];
}

/** Said of who was not named any more. */
export const cutShort = reply(451, '4.2', 'the connection ended before all recipients were sent');

/** Runs transactions until all recipients have been named, or the connection has had enough. */
export async function runBatches(
  connection: SmtpConnection,
  recipients: readonly QueuedRecipient[],
  options: BatchOptions,
): Promise<BatchesEnd> {
  const { limits } = connection.capabilities ?? noCapabilities;
  const isReused = connection.transactions > 0;
  let waiting = recipients;
  while (waiting.length > 0 && connection.transactions < limits.mailMax) {
    const batch = fitting(waiting, limits);
    const { answers, isUnheard } = await options.run(batch);
    if (isUnheard && isReused && waiting === recipients) return { isStale: true, isLeaving: false, waiting };
    options.heard(answers);
    // RFC 5321 section 3.8: after 421 the server closes.
    const isLeaving = answers.some(({ reply: said }) => said.code === 421);
    const asked = new Set(batch);
    waiting = waiting.filter((recipient) => !asked.has(recipient));
    if (isLeaving || !connection.isUsable) return { isStale: false, isLeaving, waiting };
    // RFC 5321 section 4.5.3.1.10: the recipients that were too many go in another transaction.
    if (answers.some(({ status }) => status === 'delivered')) waiting = [...tooMany(answers), ...waiting];
  }
  return { isStale: false, isLeaving: false, waiting };
}
