/** What happens at every start: leases of owners that are gone end, and what a crash left behind is removed. */
import { recoveredRecipient } from '@postroad/core';
import type { Batch } from './commit-queue.js';
import { recipientRange } from './keys.js';
import { setAside } from './quarantine.js';
import { type Counters, putLeased, type QueueState } from './queue-state.js';
import { decodeRecipient, type StoredRecipient } from './record-codec.js';
import { endLease } from './settle-step.js';
import { sitesOfIndex } from './site-cursor.js';

const countersKey = 'counters';

/** Reads the counters. */
export function readCounters(state: QueueState): void {
  const record = state.environment.facts.getBinary(countersKey);
  if (record !== undefined) Object.assign(state.counters, JSON.parse(record.toString()) as Counters);
  // Leases are counted as they are found.
  state.counters.leased = 0;
}

/** Writes the counters with whatever else the commit writes. */
export function writeCounters(state: QueueState): Promise<unknown> {
  return state.environment.facts.put(countersKey, Buffer.from(JSON.stringify(state.counters)));
}

/** Reads the heads of all sites: one seek for each. */
export function readHeads(state: QueueState): void {
  state.heads.clear();
  for (const { site, dueAtMs } of sitesOfIndex(state.environment)) state.heads.set(site, dueAtMs);
}

/** What one step of the recovery did. */
export interface RecoveryStep {
  readonly recovered: number;
  readonly quarantined: readonly string[];
  readonly isDone: boolean;
}

/**
 * Ends some leases of owners that are gone. Alone in its commit. The leases are taken into memory first, all those of
 * the message too that comes last, so that it is known which message has recipients left.
 */
export function recoverStep(state: QueueState, batch: Batch, nowMs: number, limit: number): RecoveryStep {
  const entries = [...state.environment.leased.getRange({ limit })];
  const isDone = entries.length < limit;
  const lastId = entries.at(-1)?.key.split('/')[0];
  if (!isDone && lastId !== undefined) {
    const last = entries.at(-1)?.key as string;
    entries.push(
      ...state.environment.leased.getRange({ start: `${last}\u0000`, end: recipientRange(lastId).end }),
    );
  }
  const quarantined: string[] = [];
  const recovered: StoredRecipient[] = [];
  for (const { key, value } of entries) {
    const stored = tryDecode(value);
    if (stored === undefined) quarantined.push(setAside(state, batch, 'leased', key, value));
    else {
      putLeased(state, batch, stored);
      recovered.push(stored);
    }
  }
  for (const stored of recovered) endLease(state, batch, stored, recoveredRecipient(stored.recipient, nowMs));
  return { recovered: recovered.length, quarantined, isDone };
}

function tryDecode(record: Buffer): StoredRecipient | undefined {
  try {
    return decodeRecipient(record);
  } catch {
    // The reason is in the report of the record that is set aside.
    return undefined;
  }
}

/** Removes files of bodies that no record names. `files` was read before anything was put in. Never rejects. */
export async function removeOrphans(state: QueueState, files: readonly string[]): Promise<void> {
  let removed = 0;
  for (const [at, id] of files.entries()) {
    if (state.environment.messages.doesExist(id)) continue;
    await state.bodies.remove(id);
    removed++;
    if (at % 1000 === 999) await new Promise((resolve) => setImmediate(resolve));
  }
  if (removed > 0) state.log.info('queue removed bodies without a message', { removed });
}
