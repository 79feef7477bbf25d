/** Putting messages in. */
import {
  type Lease,
  MailError,
  type NewQueuedMessage,
  newRecipient,
  type QueuedRecipient,
} from '@postroad/core';
import type { Batch } from './commit-queue.js';
import { activate, add, park, putLeased, type QueueState } from './queue-state.js';
import { encodeMessage, type MessageRecord } from './record-codec.js';
import { table } from './tables/tables.js';

/** A message that is ready to be written: its body is durable, its record made. */
export interface PreparedMessage {
  readonly message: NewQueuedMessage;
  readonly record: MessageRecord;
  readonly isBodyInFile: boolean;
  readonly recipients: readonly QueuedRecipient[];
}

/** Makes records outside of the commit, where time costs nobody but the caller. */
export function prepareMessage(message: NewQueuedMessage, lease: Lease | undefined): PreparedMessage {
  const isBodyInFile = message.body.inline === undefined;
  return {
    message,
    record: encodeMessage(message, isBodyInFile),
    isBodyInFile,
    recipients: message.recipients.map((_, index) => newRecipient(message, index, lease)),
  };
}

/** Writes a message and its recipients. */
export function putStep(state: QueueState, batch: Batch, prepared: PreparedMessage): void {
  const { id } = prepared.message;
  refuseKnown(state, id);
  batch.put(table.messages, id, prepared.record.front, true, prepared.record.payload);
  add(state, batch, 'messages', 1);
  const file = prepared.isBodyInFile ? { isBodyInFile: true } : {};
  if (prepared.recipients.some((one) => one.state === 'leased')) activate(state, batch, id, 0);
  for (const recipient of prepared.recipients) {
    if (recipient.state === 'leased') putLeased(state, batch, { recipient, ...file }, true);
    else park(state, batch, { recipient, ...file }, true);
  }
}

/** Throws `E_QUEUE_STORE` when a message of this id is queued, or being put in with this commit. */
export function refuseKnown(state: QueueState, id: string): void {
  if (!state.active.has(id) && !state.tables.has(table.messages, id)) return;
  throw new MailError('E_QUEUE_STORE', `message ${id} is queued already`);
}
