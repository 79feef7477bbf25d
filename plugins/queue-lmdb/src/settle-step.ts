/** Ending leases: by a settlement, because their time is over, or because their owner is gone. */
import {
  changedRecipient,
  isSettledBy,
  type QueuedRecipient,
  recoveredRecipient,
  type Settlement,
  settledRecipient,
} from '@postroad/core';
import type { Batch } from './commit-queue.js';
import { deactivate, park, type QueueState, recipientGone, removeLeased } from './queue-state.js';
import type { StoredRecipient } from './recipient-codec.js';

/** Applies the settlements of recipients that the owner holds; others are ignored. */
export function settleStep(
  state: QueueState,
  batch: Batch,
  owner: string,
  settlements: readonly Settlement[],
): void {
  for (const settlement of settlements) {
    const stored = state.active.get(settlement.messageId)?.leased.get(settlement.index);
    if (stored === undefined || !isSettledBy(stored.recipient, owner, settlement)) continue;
    endLease(state, batch, stored, settledRecipient(stored.recipient, settlement));
  }
}

/** Whether the settlement is of a lease that the owner holds. */
export function isHeldFor(state: QueueState, owner: string, settlement: Settlement): boolean {
  const stored = state.active.get(settlement.messageId)?.leased.get(settlement.index);
  return isSettledBy(stored?.recipient, owner, settlement);
}

/** Makes leases ready again that are over or, when an owner is given, not this owner's. */
export function lapseStep(state: QueueState, batch: Batch, nowMs: number, owner?: string): number {
  let lapsed = 0;
  for (const active of [...state.active.values()]) {
    for (const stored of [...active.leased.values()]) {
      const { dueAtMs, leaseOwner } = stored.recipient;
      if (dueAtMs > nowMs && (owner === undefined || leaseOwner === owner)) continue;
      endLease(state, batch, stored, recoveredRecipient(stored.recipient, nowMs));
      lapsed++;
    }
  }
  return lapsed;
}

/** Ends a lease: the recipient is parked as `next` says, changed by what an operator wants of it, or removed. */
export function endLease(
  state: QueueState,
  batch: Batch,
  stored: StoredRecipient,
  next: QueuedRecipient | undefined,
): void {
  const { ordered, ...rest } = stored;
  const wanted = next === undefined || ordered === undefined ? next : changedRecipient(next, ordered);
  removeLeased(state, batch, stored);
  if (wanted === undefined) recipientGone(state, batch, stored);
  else park(state, batch, { ...rest, recipient: wanted });
  deactivate(state, batch, stored.recipient.messageId);
}
