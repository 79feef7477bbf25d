/** Putting messages in: one statement for all that come at once, which is one transaction and one sync of the database. */

import { type Lease, type NewQueuedMessage, newRecipient, type QueuedRecipient } from '@postroad/core';
import { type Column, createParameters, type Parameters, tableOf } from '@postroad/postgres';
import { factsOf, type NewRow, newRecipientColumns, senderOf } from './rows.js';

/** A message that is ready to be written. */
export interface PreparedMessage {
  readonly message: NewQueuedMessage;
  readonly recipients: readonly QueuedRecipient[];
  readonly facts: string;
  /** When the lease ends by the database's clock. */
  readonly leaseEndsMs: number | undefined;
  /** The name of its body outside of the database. */
  readonly blob: string | undefined;
}

/** Makes the rows of a message; `skewMs` is what the database's clock is ahead of ours. */
export function prepareMessage(
  message: NewQueuedMessage,
  lease: Lease | undefined,
  skewMs: number,
  blob?: string,
): PreparedMessage {
  return {
    message,
    recipients: message.recipients.map((_, index) => newRecipient(message, index, lease)),
    facts: factsOf(message, blob),
    blob,
    leaseEndsMs: lease === undefined ? undefined : lease.untilMs + skewMs,
  };
}

/** The statement that writes messages and recipients. */
export function putStatement(messages: readonly PreparedMessage[]): {
  readonly text: string;
  readonly values: readonly unknown[];
} {
  const parameters = createParameters();
  const parts = putParts(parameters, messages);
  return { text: `WITH ${parts} SELECT 1 AS done`, values: parameters.values };
}

interface Placed {
  readonly prepared: PreparedMessage;
  readonly start: number;
  readonly length: number | null;
}

const messageColumns: readonly Column<Placed>[] = [
  ['id', 'text', ({ prepared }) => prepared.message.id],
  ['facts', 'text', ({ prepared }) => prepared.facts],
  ['sender', 'text', ({ prepared }) => senderOf(prepared.message)],
  ['recipients', 'int', ({ prepared }) => prepared.recipients.length],
  ['start', 'int', ({ start }) => start],
  ['length', 'int', ({ length }) => length],
];

/** The parts of a WITH that write messages and recipients, for statements that do more. */
export function putParts(parameters: Parameters, messages: readonly PreparedMessage[]): string {
  // All bodies are one value: an array of them would be written out in hexadecimal.
  const bodies: Uint8Array[] = [];
  let start = 1;
  const placed = messages.map((prepared): Placed => {
    const { inline } = prepared.message.body;
    if (inline === undefined) return { prepared, start: 0, length: null };
    bodies.push(inline);
    const at = start;
    start += inline.length;
    return { prepared, start: at, length: inline.length };
  });
  const octets = parameters.add(Buffer.concat(bodies), 'bytea');
  const rows = messages.flatMap(({ recipients, leaseEndsMs }) =>
    recipients.map((recipient): NewRow => ({ recipient, leaseEndsMs })),
  );
  const names = newRecipientColumns.map(([name]) => name).join(', ');
  const blobs = messages.flatMap(({ blob }) => blob ?? []);
  const claims = blobs.length === 0 ? undefined : claimParts(parameters, blobs);
  return `${claims?.claim ?? ''}put_messages AS (
    INSERT INTO postroad_queue_messages (id, facts, sender, recipients, remaining, body)
    SELECT m.id, m.facts, m.sender, m.recipients, m.recipients${claims?.check ?? ''},
      CASE WHEN m.length IS NULL THEN NULL ELSE substring(${octets} FROM m.start FOR m.length) END
    FROM ${tableOf(parameters, 'm', placed, messageColumns)}
  ), put_recipients AS (
    INSERT INTO postroad_queue_recipients (${names})
    SELECT ${names} FROM ${tableOf(parameters, 'r', rows, newRecipientColumns)}
  )`;
}

/**
 * Bodies outside of the database are referred to by touching their rows, which the sweep locks. When one of them is
 * doomed already, nothing is written: the statement divides by zero.
 */
function claimParts(
  parameters: Parameters,
  blobs: readonly string[],
): { readonly claim: string; readonly check: string } {
  const names = parameters.add(blobs, 'text[]');
  const number = parameters.add(blobs.length, 'bigint');
  return {
    claim: `claimed AS (
    UPDATE postroad_queue_blobs SET kept_at = now() WHERE blob = ANY (${names}) AND NOT is_doomed RETURNING blob
  ), `,
    check: ` / (SELECT CASE WHEN count(*) = ${number} THEN 1 ELSE 0 END FROM claimed)`,
  };
}
