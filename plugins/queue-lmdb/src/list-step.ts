/** Reading the queue in the order of lists, a bounded number of records at a time. */
import { matchesFilter, type QueuedRecipient, type QueueFilter } from '@postroad/core';
import type { Batch } from './commit-queue.js';
import { recipientKey, recipientRange } from './keys.js';
import { setAside } from './quarantine.js';
import type { QueueState } from './queue-state.js';
import { decodeRecipient, type StoredRecipient } from './recipient-codec.js';
import { decodeMessage } from './record-codec.js';
import { type Entry, table } from './tables/tables.js';

/** Some recipients of a filter, and where to go on. */
export interface ListChunk {
  readonly found: readonly StoredRecipient[];
  /** `undefined` when everything was looked at. */
  readonly next: string | undefined;
}

/** Looks at `lookMax` records behind `after`, and stops early when `foundMax` are found. */
export function listStep(
  state: QueueState,
  batch: Batch,
  filter: QueueFilter,
  after: string | undefined,
  limits: { readonly lookMax: number; readonly foundMax: number },
): ListChunk {
  const range = filter.messageId === undefined ? { start: '', end: '~' } : recipientRange(filter.messageId);
  const start = after === undefined ? range.start : `${after}\u0000`;
  const parked: Entry[] = [];
  for (const entry of state.tables.range(table.recipients, { ...range, start })) {
    parked.push(entry);
    if (parked.length === limits.lookMax) break;
  }
  const isLast = parked.length < limits.lookMax;
  const end = isLast ? range.end : (parked.at(-1)?.key as string);
  const all = new Map<string, StoredRecipient>();
  for (const { key, value } of parked) {
    const stored = read(state, batch, key, value);
    if (stored !== undefined) all.set(key, stored);
  }
  for (const [key, stored] of leasedBetween(state, filter.messageId, after, end)) all.set(key, stored);
  return pick(state, filter, all, limits.foundMax, isLast ? undefined : end);
}

function pick(
  state: QueueState,
  filter: QueueFilter,
  all: ReadonlyMap<string, StoredRecipient>,
  foundMax: number,
  next: string | undefined,
): ListChunk {
  const found: StoredRecipient[] = [];
  for (const key of [...all.keys()].sort()) {
    const stored = all.get(key) as StoredRecipient;
    if (!matchesFilter(filter, stored.recipient, () => senderOf(state, stored.recipient))) continue;
    if (found.length === foundMax) {
      const last = found.at(-1) as StoredRecipient;
      return { found, next: recipientKey(last.recipient.messageId, last.recipient.index) };
    }
    found.push(stored);
  }
  return { found, next };
}

function* leasedBetween(
  state: QueueState,
  id: string | undefined,
  after: string | undefined,
  end: string,
): Generator<[string, StoredRecipient]> {
  for (const [messageId, active] of state.active) {
    if (id !== undefined && id !== messageId) continue;
    for (const [index, stored] of active.leased) {
      const key = recipientKey(messageId, index);
      if ((after === undefined || key > after) && key <= end) yield [key, stored];
    }
  }
}

function read(state: QueueState, batch: Batch, key: string, value: Buffer): StoredRecipient | undefined {
  try {
    return decodeRecipient(key, value);
  } catch {
    // The reason is in the report of the record that is set aside.
    setAside(state, batch, 'recipients', key, value);
    return undefined;
  }
}

function senderOf(state: QueueState, recipient: QueuedRecipient) {
  const record = state.tables.get(table.messages, recipient.messageId);
  if (record === undefined) return undefined;
  try {
    return decodeMessage(record, () => '');
  } catch {
    // It matches no sender; whoever asks for the message itself is told.
    return undefined;
  }
}
