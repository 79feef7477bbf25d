/** Leasing what is due, oldest first over all sites, without reading what is not due. */
import { type LeaseRequest, leasedRecipient, type QueuedRecipient } from '@postroad/core';
import type { Batch } from './commit-queue.js';
import { pop, push } from './heap.js';
import { type DueEntry, recipientKey } from './keys.js';
import { setAside } from './quarantine.js';
import { putLeased, type QueueState, unpark } from './queue-state.js';
import { decodeRecipient, type StoredRecipient } from './recipient-codec.js';
import { openSiteCursor, type SiteCursor } from './site-cursor.js';
import { table } from './tables/tables.js';

// How many entries of a site are read at once.
const chunkMax = 16;

/** Takes recipients and counts their attempts. Alone in its commit. */
export function leaseStep(
  state: QueueState,
  batch: Batch,
  request: LeaseRequest,
): readonly QueuedRecipient[] {
  const perSiteMax = Math.min(request.perSiteMax ?? request.limit, request.limit);
  const cursors = openCursors(state, request);
  const waiting = [...cursors];
  const leased: QueuedRecipient[] = [];
  while (leased.length < request.limit) {
    const cursor = pop(waiting);
    const entry = cursor?.current;
    if (cursor === undefined || entry === undefined || entry.dueAtMs > request.nowMs) break;
    const recipient = leaseOne(state, batch, entry, request);
    if (recipient !== undefined) {
      leased.push(recipient);
      cursor.taken++;
    }
    cursor.advance();
    if (cursor.taken < perSiteMax) push(waiting, cursor);
  }
  for (const cursor of cursors) setHead(state, batch, cursor);
  return leased;
}

function openCursors(state: QueueState, request: LeaseRequest): readonly SiteCursor[] {
  const cursors: SiteCursor[] = [];
  for (const site of state.heads.due(request.nowMs, request.exceptSites)) {
    // Each of them gives one recipient at least, so there is no need for more. They come in the order of a heap.
    if (cursors.length === request.limit) break;
    cursors.push(
      openSiteCursor(state.tables, site, Math.min(chunkMax, request.limit), state.heads.get(site)),
    );
  }
  return cursors;
}

function leaseOne(
  state: QueueState,
  batch: Batch,
  entry: DueEntry,
  request: LeaseRequest,
): QueuedRecipient | undefined {
  const stored = readParked(state, batch, entry);
  if (stored === undefined) {
    batch.remove(table.due, entry.key);
    return undefined;
  }
  unpark(state, batch, stored.recipient);
  const recipient = leasedRecipient(stored.recipient, request.lease, request.nowMs);
  putLeased(state, batch, { ...stored, recipient });
  return recipient;
}

/** The recipient that an entry of the index names; `undefined` when there is none, or none that can be read. */
function readParked(state: QueueState, batch: Batch, entry: DueEntry): StoredRecipient | undefined {
  const key = recipientKey(entry.messageId, entry.index);
  const record = state.tables.get(table.recipients, key);
  if (record === undefined) return undefined;
  try {
    const stored = decodeRecipient(key, record);
    const isOfEntry = stored.recipient.site === entry.site && stored.recipient.dueAtMs === entry.dueAtMs;
    return isOfEntry ? stored : undefined;
  } catch {
    // The reason is in the report of the record that is set aside.
    setAside(state, batch, 'recipients', key, record);
    return undefined;
  }
}

function setHead(state: QueueState, batch: Batch, cursor: SiteCursor): void {
  const before = state.heads.get(cursor.site);
  state.heads.set(cursor.site, cursor.current?.dueAtMs);
  batch.undo(() => state.heads.set(cursor.site, before));
}
