/** What operators do to recipients. */
import { changedRecipient, type QueueChange } from '@postroad/core';
import type { Batch } from './commit-queue.js';
import { park, putLeased, type QueueState, recipientGone, unpark } from './queue-state.js';
import type { StoredRecipient } from './recipient-codec.js';
import { firstDueAtMs } from './site-cursor.js';

/** Changes recipients as they were found in this very step; resolves with how many were changed. */
export function changeStep(
  state: QueueState,
  batch: Batch,
  found: readonly StoredRecipient[],
  change: QueueChange,
): number {
  let changed = 0;
  const sites = new Set<string>();
  for (const stored of found) {
    if (stored.recipient.state === 'leased') {
      // Its try goes on; the change is applied when it has ended, also after a crash.
      putLeased(state, batch, { ...stored, ordered: change });
      changed++;
      continue;
    }
    const next = changedRecipient(stored.recipient, change);
    if (next === stored.recipient) continue;
    changed++;
    sites.add(stored.recipient.site);
    unpark(state, batch, stored.recipient);
    if (next === undefined) recipientGone(state, batch, stored);
    else park(state, batch, { ...stored, recipient: next });
  }
  batch.after(() => refreshHeads(state, sites));
  return changed;
}

/** What was taken out of the index may have been the head of its site. */
function refreshHeads(state: QueueState, sites: ReadonlySet<string>): void {
  for (const site of sites) state.heads.set(site, firstDueAtMs(state.tables, site));
}
