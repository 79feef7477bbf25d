/** What the steps of the store share: the databases, and the small part of the queue that is in memory. */
import type { Logger, QueuedRecipient } from '@postroad/core';
import type { BodyFiles } from './body-files.js';
import type { Batch } from './commit-queue.js';
import type { Counters } from './counters.js';
import { dueKey, recipientKey, recipientRange } from './keys.js';
import { encodeRecipient, type StoredRecipient } from './recipient-codec.js';
import type { SiteHeads } from './site-heads.js';
import { empty, type TableReader, table } from './tables/tables.js';

/** A message that has leased recipients. */
export interface ActiveMessage {
  /** How many recipients it has that are not leased, when that is known without looking. */
  parked: number | undefined;
  readonly leased: Map<number, StoredRecipient>;
}

/** See the file's comment. */
export interface QueueState {
  /** The tables with what is young. */
  readonly tables: TableReader;
  readonly bodies: BodyFiles;
  readonly heads: SiteHeads;
  readonly active: Map<string, ActiveMessage>;
  readonly counters: Counters;
  readonly log: Logger;
}

/** Changes a counter; taken back when the commit fails. */
export function add(state: QueueState, batch: Batch, counter: keyof Counters, by: number): void {
  state.counters[counter] += by;
  batch.undo(() => {
    state.counters[counter] -= by;
  });
}

/** Writes a recipient that is not leased. `isNew` when its message is being put in. */
export function park(state: QueueState, batch: Batch, stored: StoredRecipient, isNew = false): void {
  const { recipient } = stored;
  const key = recipientKey(recipient.messageId, recipient.index);
  batch.put(table.recipients, key, encodeRecipient(stored), isNew);
  countParked(state, batch, recipient.messageId, 1);
  add(state, batch, recipient.state, 1);
  if (recipient.state === 'held') return;
  batch.put(table.due, dueKey(recipient), empty, isNew);
  lowerHead(state, batch, recipient.site, recipient.dueAtMs);
}

/** Removes a recipient that is not leased. The head of its site is left to the caller. */
export function unpark(state: QueueState, batch: Batch, recipient: QueuedRecipient): void {
  batch.remove(table.recipients, recipientKey(recipient.messageId, recipient.index));
  countParked(state, batch, recipient.messageId, -1);
  add(state, batch, recipient.state, -1);
  if (recipient.state !== 'held') batch.remove(table.due, dueKey(recipient));
}

/** Writes a recipient as leased. `isNew` when its message is being put in. */
export function putLeased(state: QueueState, batch: Batch, stored: StoredRecipient, isNew = false): void {
  const { recipient } = stored;
  const active = activate(state, batch, recipient.messageId);
  const before = active.leased.get(recipient.index);
  active.leased.set(recipient.index, stored);
  batch.undo(() => {
    if (before === undefined) active.leased.delete(recipient.index);
    else active.leased.set(recipient.index, before);
  });
  if (before === undefined) add(state, batch, 'leased', 1);
  const key = recipientKey(recipient.messageId, recipient.index);
  batch.put(table.leased, key, encodeRecipient(stored), isNew);
}

/** Ends a lease. What becomes of the recipient is to be written before the next lease of the message ends. */
export function removeLeased(state: QueueState, batch: Batch, stored: StoredRecipient): void {
  const { messageId, index } = stored.recipient;
  const active = state.active.get(messageId) as ActiveMessage;
  active.leased.delete(index);
  batch.undo(() => active.leased.set(index, stored));
  add(state, batch, 'leased', -1);
  batch.remove(table.leased, recipientKey(messageId, index));
}

/** The message's entry, made when there is none; `parked` is what is known of its other recipients then. */
export function activate(state: QueueState, batch: Batch, id: string, parked?: number): ActiveMessage {
  const known = state.active.get(id);
  if (known !== undefined) return known;
  const active: ActiveMessage = { parked, leased: new Map() };
  state.active.set(id, active);
  batch.undo(() => state.active.delete(id));
  return active;
}

/** Forgets a message that has no lease any more. */
export function deactivate(state: QueueState, batch: Batch, id: string): void {
  const active = state.active.get(id);
  if (active === undefined || active.leased.size > 0) return;
  state.active.delete(id);
  batch.undo(() => state.active.set(id, active));
}

/** A message has lost a recipient that is neither leased nor parked any more; it goes with its last one. */
export function recipientGone(state: QueueState, batch: Batch, stored: StoredRecipient): void {
  const id = stored.recipient.messageId;
  if (!hasRecipients(state, id)) removeMessage(state, batch, id, stored.isBodyInFile === true);
}

function hasRecipients(state: QueueState, id: string): boolean {
  const active = state.active.get(id);
  if (active !== undefined && active.leased.size > 0) return true;
  if (active?.parked !== undefined) return active.parked > 0;
  for (const _key of state.tables.keys(table.recipients, recipientRange(id))) return true;
  return false;
}

function countParked(state: QueueState, batch: Batch, id: string, by: number): void {
  const active = state.active.get(id);
  if (active?.parked === undefined) return;
  active.parked += by;
  batch.undo(() => {
    active.parked = (active.parked ?? 0) - by;
  });
}

/** Removes a message that has no recipient left. */
export function removeMessage(state: QueueState, batch: Batch, id: string, isBodyInFile: boolean): void {
  batch.remove(table.messages, id);
  add(state, batch, 'messages', -1);
  // The file goes after the record: the other way round a crash would leave a message without its body.
  if (isBodyInFile) batch.after(() => void state.bodies.remove(id));
}

function lowerHead(state: QueueState, batch: Batch, site: string, dueAtMs: number): void {
  const before = state.heads.get(site);
  if (before !== undefined && before <= dueAtMs) return;
  state.heads.lower(site, dueAtMs);
  batch.undo(() => state.heads.set(site, before));
}
