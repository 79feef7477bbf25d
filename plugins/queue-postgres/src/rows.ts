/** Recipients and messages as rows, and back. */

import {
  type Body,
  formatAddress,
  formatReversePath,
  MailError,
  type NewQueuedMessage,
  type QueueChange,
  type QueuedMessage,
  type QueuedRecipient,
} from '@postroad/core';
import { type Column } from '@postroad/postgres';

/** A row of `postroad_queue_recipients`. */
export interface RecipientRow {
  readonly message_id: string;
  readonly idx: number;
  readonly state: QueuedRecipient['state'];
  readonly due_ms: number;
  readonly site: string;
  readonly fixed: string;
  readonly owner: string | null;
  readonly token: string | null;
  readonly attempts: number;
  readonly unsettled: number;
  readonly last_attempt_ms: number | null;
  readonly last_reply: string | null;
  readonly last_remote: string | null;
  readonly hold_reason: string | null;
  readonly bounce_reason: string | null;
  readonly redirect: string | null;
  readonly is_delay_told: boolean;
  readonly ordered: string | null;
}

/** The columns that a recipient is read from; `alias` is the table's. */
export function recipientColumns(alias: string): string {
  return [
    'message_id',
    'idx',
    'state',
    'due_ms',
    'site',
    'fixed',
    'owner',
    'token',
    'attempts',
    'unsettled',
    'last_attempt_ms',
    'last_reply',
    'last_remote',
    'hold_reason',
    'bounce_reason',
    'redirect',
    'is_delay_told',
    'ordered',
  ]
    .map((name) => `${alias}.${name}`)
    .join(', ');
}

/** The recipient of a row. Throws `E_QUEUE_RECORD`. */
export function recipientOf(row: RecipientRow): QueuedRecipient {
  const fixed = parse(row.fixed, row) as Pick<QueuedRecipient, 'address' | 'notify' | 'orcpt'>;
  return {
    ...fixed,
    messageId: row.message_id,
    index: row.idx,
    state: row.state,
    dueAtMs: row.due_ms,
    ...(row.owner === null ? {} : { leaseOwner: row.owner }),
    ...(row.token === null ? {} : { leaseToken: row.token }),
    attempts: row.attempts,
    unsettledAttempts: row.unsettled,
    ...(row.last_attempt_ms === null ? {} : { lastAttemptAtMs: row.last_attempt_ms }),
    ...(row.last_reply === null
      ? {}
      : { lastReply: parse(row.last_reply, row) as NonNullable<QueuedRecipient['lastReply']> }),
    ...(row.last_remote === null ? {} : { lastRemote: row.last_remote }),
    ...(row.hold_reason === null ? {} : { holdReason: row.hold_reason }),
    ...(row.bounce_reason === null ? {} : { bounceReason: row.bounce_reason }),
    ...(row.redirect === null
      ? {}
      : { redirect: parse(row.redirect, row) as NonNullable<QueuedRecipient['redirect']> }),
    site: row.site,
    isDelayTold: row.is_delay_told,
  };
}

/** What an operator wants of a leased recipient when its try has ended. */
export function orderedOf(row: RecipientRow): QueueChange | undefined {
  return row.ordered === null ? undefined : (parse(row.ordered, row) as QueueChange);
}

/** A recipient to write; `leaseEndsMs` is by the database's clock. */
export interface NewRow {
  readonly recipient: QueuedRecipient;
  readonly leaseEndsMs: number | undefined;
}

/** How recipients are written. */
export const newRecipientColumns: readonly Column<NewRow>[] = [
  ['message_id', 'text', ({ recipient }) => recipient.messageId],
  ['idx', 'int', ({ recipient }) => recipient.index],
  ['state', 'text', ({ recipient }) => recipient.state],
  ['due_ms', 'bigint', ({ recipient }) => recipient.dueAtMs],
  ['site', 'text', ({ recipient }) => recipient.site],
  ['domain', 'text', ({ recipient }) => recipient.address.domain.toLowerCase()],
  ['address', 'text', ({ recipient }) => formatAddress(recipient.address).toLowerCase()],
  ['fixed', 'text', ({ recipient }) => fixedOf(recipient)],
  ['owner', 'text', ({ recipient }) => recipient.leaseOwner ?? null],
  ['token', 'text', ({ recipient }) => recipient.leaseToken ?? null],
  [
    'lease_ends_ms',
    'bigint',
    ({ recipient, leaseEndsMs }) => (recipient.state === 'leased' ? leaseEndsMs : null),
  ],
  ['attempts', 'int', ({ recipient }) => recipient.attempts],
  ['unsettled', 'int', ({ recipient }) => recipient.unsettledAttempts],
  ['last_attempt_ms', 'bigint', ({ recipient }) => recipient.lastAttemptAtMs ?? null],
  ['hold_reason', 'text', ({ recipient }) => recipient.holdReason ?? null],
  [
    'redirect',
    'text',
    ({ recipient }) => (recipient.redirect === undefined ? null : JSON.stringify(recipient.redirect)),
  ],
  ['is_delay_told', 'boolean', ({ recipient }) => recipient.isDelayTold],
];

function fixedOf({ address, notify, orcpt }: QueuedRecipient): string {
  return JSON.stringify({ address, notify, orcpt });
}

/** What a message's row says of its body when that is in chunks, or outside of the database under a name. */
export interface ChunkedFacts {
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly has8bit: boolean;
  readonly headerSizeBytes: number;
  readonly blob?: string;
}

/** A message's facts as text; `blob` is the name of its body outside of the database. */
export function factsOf(message: NewQueuedMessage, blob: string | undefined): string {
  const { recipients: _recipients, body, ...shared } = message;
  if (body.inline !== undefined) return JSON.stringify({ shared });
  const { sha256, sizeBytes, has8bit, headerSizeBytes } = body;
  const facts = { sha256, sizeBytes, has8bit, headerSizeBytes };
  const chunked: ChunkedFacts = blob === undefined ? facts : { ...facts, blob };
  return JSON.stringify({ shared, chunked });
}

/** The sender as it is looked for. */
export function senderOf(message: QueuedMessage): string {
  return formatReversePath(message.reversePath).toLowerCase();
}

/** The facts of a message's row. Throws `E_QUEUE_RECORD`. */
export function messageFacts(
  id: string,
  facts: string,
): { readonly shared: Omit<QueuedMessage, 'body'>; readonly chunked?: ChunkedFacts } {
  return parse(facts, { message_id: id }) as {
    shared: Omit<QueuedMessage, 'body'>;
    chunked?: ChunkedFacts;
  };
}

/** A message with its body. */
export function messageOf(shared: Omit<QueuedMessage, 'body'>, body: Body): QueuedMessage {
  return { ...shared, body };
}

function parse(json: string, of: { readonly message_id: string; readonly idx?: number }): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch (cause) {
    throw new MailError('E_QUEUE_RECORD', `a record of message ${of.message_id} can not be read`, { cause });
  }
}

/**
 * Whether the recipient `r` is one of those in `list`, of which `one` is a row. The planner may believe the table to be empty,
 * because it was when it was last analysed, and would then read all of it, or of its key, for each row of the list. So there is
 * one way only: the ids, as a list of which it knows nothing, are looked up in the primary key once, and what is found
 * is compared with the rows of the list by expressions that no index knows.
 */
export function isNamedBy(list: string, one: string): string {
  return `r.message_id = ANY (ARRAY(SELECT message_id FROM ${list}))
    AND r.idx BETWEEN (SELECT min(idx) FROM ${list}) AND (SELECT max(idx) FROM ${list})
    AND r.message_id || '' = ${one}.message_id AND r.idx + 0 = ${one}.idx`;
}
