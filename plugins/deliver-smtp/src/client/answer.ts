/** What became of one recipient in a transaction. */
import type { QueuedRecipient, Reply } from '@postroad/core';

/** The answer for one recipient. */
export interface Answer {
  readonly recipient: QueuedRecipient;
  readonly status: 'delivered' | 'deferred' | 'failed';
  readonly reply: Reply;
  /** Whether the server said it; otherwise it is our own judgement or a broken connection. */
  readonly isQuoted: boolean;
  /** Whether another server of the site may be asked now: nothing of the message can have been taken. */
  readonly isOpen: boolean;
}

/** RFC 5321 section 4.5.3.1.10: 552 may mean too many recipients, unless its status says what it means. */
export function isTooManyRecipients(said: Reply): boolean {
  return (said.code === 552 || said.code === 452) && (said.detail === undefined || said.detail === '5.3');
}

/** The recipients that another transaction on the same connection may take. */
export function tooMany(answers: readonly Answer[]): readonly QueuedRecipient[] {
  return answers
    .filter(({ status, isOpen, reply: said }) => status === 'deferred' && isOpen && isTooManyRecipients(said))
    .map(({ recipient }) => recipient);
}
