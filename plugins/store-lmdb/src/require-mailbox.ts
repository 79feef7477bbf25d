/** A mailbox that must be there. */
import { MailError } from '@postroad/core';
import type { Change } from './change.js';
import { type MailboxRecord, parseId } from './records.js';

/** A mailbox by its id; throws `E_NOT_FOUND`. */
export function requireMailbox(change: Change, mailboxId: string): MailboxRecord {
  const number = parseId('F', mailboxId);
  const record = number === undefined ? undefined : change.mailboxRecord(number);
  if (record === undefined || record.isRemoved)
    throw new MailError('E_NOT_FOUND', 'there is no such mailbox');
  return record;
}
