/** What the steps of the store share: the databases, and the small part of the queue that is in memory. */
import type { Logger, QueuedRecipient, RecipientState } from '@postroad/core';
import type { BodyFiles } from './body-files.js';
import type { Batch } from './commit-queue.js';
import type { Environment } from './environment.js';
import { empty } from './environment.js';
import { dueKey, recipientKey, recipientRange } from './keys.js';
import { encodeRecipient, type StoredRecipient } from './record-codec.js';
import type { SiteHeads } from './site-heads.js';

/** A message that is at work: it has leased recipients, or the commit that is being prepared touches it. */
export interface ActiveMessage {
  /** Recipients that this commit adds to those that are not leased, less those it takes from them. */
  parkedDelta: number;
  readonly leased: Map<number, StoredRecipient>;
}

/** Counters, kept with every commit so that nobody has to count. */
export type Counters = Record<'messages' | RecipientState, number>;

/** See the file's comment. */
export interface QueueState {
  readonly environment: Environment;
  readonly bodies: BodyFiles;
  readonly heads: SiteHeads;
  readonly active: Map<string, ActiveMessage>;
  /** Messages that may have no lease any more: looked at between commits. */
  readonly touched: Set<string>;
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

/** Writes a recipient that is not leased. */
export function park(state: QueueState, batch: Batch, stored: StoredRecipient): void {
  const { recipient } = stored;
  const { environment } = state;
  const record = encodeRecipient(stored);
  const key = recipientKey(recipient.messageId, recipient.index);
  batch.write(() => environment.recipients.put(key, record));
  countParked(state, batch, recipient.messageId, 1);
  add(state, batch, recipient.state, 1);
  if (recipient.state === 'held') return;
  const due = dueKey(recipient);
  batch.write(() => environment.due.put(due, empty));
  lowerHead(state, batch, recipient.site, recipient.dueAtMs);
}

/** Removes a recipient that is not leased. The head of its site is left to the caller. */
export function unpark(state: QueueState, batch: Batch, recipient: QueuedRecipient): void {
  const { environment } = state;
  const key = recipientKey(recipient.messageId, recipient.index);
  batch.write(() => environment.recipients.remove(key));
  countParked(state, batch, recipient.messageId, -1);
  add(state, batch, recipient.state, -1);
  if (recipient.state === 'held') return;
  const due = dueKey(recipient);
  batch.write(() => environment.due.remove(due));
}

/** Writes a recipient as leased. */
export function putLeased(state: QueueState, batch: Batch, stored: StoredRecipient): void {
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
  const record = encodeRecipient(stored);
  batch.write(() => state.environment.leased.put(key, record));
}

/** Ends a lease. */
export function removeLeased(state: QueueState, batch: Batch, stored: StoredRecipient): void {
  const { messageId, index } = stored.recipient;
  const active = state.active.get(messageId) as ActiveMessage;
  active.leased.delete(index);
  state.touched.add(messageId);
  batch.undo(() => active.leased.set(index, stored));
  add(state, batch, 'leased', -1);
  const key = recipientKey(messageId, index);
  batch.write(() => state.environment.leased.remove(key));
}

/** The message's entry, made when there is none. */
export function activate(state: QueueState, batch: Batch, id: string): ActiveMessage {
  state.touched.add(id);
  const known = state.active.get(id);
  if (known !== undefined) return known;
  const active: ActiveMessage = { parkedDelta: 0, leased: new Map() };
  state.active.set(id, active);
  batch.undo(() => state.active.delete(id));
  return active;
}

/** A message has lost a recipient that is neither leased nor parked any more; it goes with its last one. */
export function recipientGone(state: QueueState, batch: Batch, stored: StoredRecipient): void {
  const id = stored.recipient.messageId;
  if (!hasRecipients(state, id)) removeMessage(state, batch, id, stored.isBodyInFile === true);
}

function hasRecipients(state: QueueState, id: string): boolean {
  const active = state.active.get(id);
  if (active !== undefined && active.leased.size > 0) return true;
  const delta = active?.parkedDelta ?? 0;
  const { recipients } = state.environment;
  const range = recipientRange(id);
  // Only a change by an operator takes parked recipients away without leasing them, and needs to count.
  if (delta < 0) return recipients.getKeysCount(range) + delta > 0;
  return delta > 0 || recipients.getKeysCount({ ...range, limit: 1 }) > 0;
}

function countParked(state: QueueState, batch: Batch, id: string, by: number): void {
  const active = activate(state, batch, id);
  active.parkedDelta += by;
  batch.undo(() => {
    active.parkedDelta -= by;
  });
}

/** Removes a message that has no recipient left. */
export function removeMessage(state: QueueState, batch: Batch, id: string, isBodyInFile: boolean): void {
  batch.write(() => state.environment.messages.remove(id));
  add(state, batch, 'messages', -1);
  // The file goes after the record: the other way round a crash would leave a message without its body.
  if (isBodyInFile) batch.after(() => void state.bodies.remove(id));
}

/** Forgets messages without leases. Only between commits: then what the databases say is the whole truth. */
export function forgetIdle(state: QueueState): void {
  for (const id of state.touched) {
    const active = state.active.get(id);
    if (active === undefined) continue;
    active.parkedDelta = 0;
    if (active.leased.size === 0) state.active.delete(id);
  }
  state.touched.clear();
}

function lowerHead(state: QueueState, batch: Batch, site: string, dueAtMs: number): void {
  const before = state.heads.get(site);
  state.heads.lower(site, dueAtMs);
  batch.undo(() => state.heads.set(site, before));
}
