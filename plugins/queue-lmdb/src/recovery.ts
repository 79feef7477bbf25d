/** What happens at every start: leases of owners that are gone end, and what a crash left behind is removed. */
import { recoveredRecipient } from '@postroad/core';
import type { Batch, CommitQueue } from './commit-queue.js';
import { recipientRange } from './keys.js';
import { setAside } from './quarantine.js';
import { putLeased, type QueueState } from './queue-state.js';
import { decodeRecipient, type StoredRecipient } from './recipient-codec.js';
import { endLease } from './settle-step.js';
import { sitesOfIndex } from './site-cursor.js';
import { type Entry, table } from './tables/tables.js';

const leasesMax = 5000;

/** Ends the leases of owners that are gone; returns how many. What can't be read is set aside and added to the list. */
export async function endOldLeases(
  state: QueueState,
  commits: CommitQueue,
  nowMs: number,
  quarantined: string[],
): Promise<number> {
  // Leases are counted as they are found.
  state.counters.leased = 0;
  readHeads(state);
  let recovered = 0;
  let after: string | undefined;
  do {
    const from = after;
    const step = await commits.run({
      prepare: (batch) => recoverStep(state, batch, nowMs, { after: from, limit: leasesMax }),
      isAlone: true,
    });
    recovered += step.recovered;
    quarantined.push(...step.quarantined);
    after = step.next;
  } while (after !== undefined);
  return recovered;
}

/** Reads the heads of all sites: one seek for each. */
function readHeads(state: QueueState): void {
  state.heads.clear();
  for (const { site, dueAtMs } of sitesOfIndex(state.tables)) state.heads.set(site, dueAtMs);
}

/** What one step of the recovery did. */
interface RecoveryStep {
  readonly recovered: number;
  readonly quarantined: readonly string[];
  /** Where to go on; `undefined` at the end. */
  readonly next: string | undefined;
}

/**
 * Ends some leases of owners that are gone. Alone in its commit. The leases are taken into memory first, all those of
 * the message too that comes last, so that it is known which message has recipients left.
 */
function recoverStep(
  state: QueueState,
  batch: Batch,
  nowMs: number,
  { after, limit }: { readonly after: string | undefined; readonly limit: number },
): RecoveryStep {
  const entries: Entry[] = [];
  let last: string | undefined;
  let isDone = true;
  for (const entry of state.tables.range(table.leased, { start: after ?? '' })) {
    const id = entry.key.split('/')[0];
    if (entries.length >= limit && id !== last) {
      isDone = false;
      break;
    }
    entries.push(entry);
    last = id;
  }
  const quarantined: string[] = [];
  const recovered: StoredRecipient[] = [];
  for (const { key, value } of entries) {
    const stored = tryDecode(key, value);
    if (stored === undefined) quarantined.push(setAside(state, batch, 'leased', key, value));
    else {
      putLeased(state, batch, stored);
      recovered.push(stored);
    }
  }
  for (const stored of recovered) endLease(state, batch, stored, recoveredRecipient(stored.recipient, nowMs));
  const next = isDone || last === undefined ? undefined : recipientRange(last).end;
  return { recovered: recovered.length, quarantined, next };
}

function tryDecode(key: string, record: Buffer): StoredRecipient | undefined {
  try {
    return decodeRecipient(key, record);
  } catch {
    // The reason is in the report of the record that is set aside.
    return undefined;
  }
}

/** Removes files of bodies that no record names. `files` was read before anything was put in. Never rejects. */
export async function removeOrphans(state: QueueState, files: readonly string[]): Promise<void> {
  let removed = 0;
  for (const [at, id] of files.entries()) {
    if (state.tables.has(table.messages, id)) continue;
    await state.bodies.remove(id);
    removed++;
    if (at % 1000 === 999) await new Promise((resolve) => setImmediate(resolve));
  }
  if (removed > 0) state.log.info('queue removed bodies without a message', { removed });
}
