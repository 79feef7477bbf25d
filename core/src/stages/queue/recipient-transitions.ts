/** How a recipient's record changes. Pure, and shared by all stores, so that they can't differ. */

import type {
  Lease,
  NewQueuedMessage,
  QueueChange,
  QueuedRecipient,
  Settlement,
} from '../../services/queue-store.js';
import type { Route } from '../../values/route.js';

/** A recipient as `put` makes it. What is due starts leased when there is a lease. */
export function newRecipient(message: NewQueuedMessage, index: number, lease?: Lease): QueuedRecipient {
  const of = message.recipients[index];
  if (of === undefined) throw new RangeError(`no recipient ${index}`);
  const fresh: { -readonly [name in keyof QueuedRecipient]: QueuedRecipient[name] } = {
    messageId: message.id,
    index,
    address: of.address,
    state: 'ready',
    dueAtMs: message.receivedAtMs,
    attempts: of.attempts ?? 0,
    unsettledAttempts: 0,
    site: of.site,
    isDelayTold: of.isDelayTold ?? false,
  };
  if (of.notify !== undefined) fresh.notify = of.notify;
  if (of.orcpt !== undefined) fresh.orcpt = of.orcpt;
  if (of.redirect !== undefined) fresh.redirect = of.redirect;
  if (of.holdReason !== undefined) return { ...fresh, state: 'held', dueAtMs: 0, holdReason: of.holdReason };
  if (of.dueAtMs !== undefined && of.dueAtMs > message.receivedAtMs) {
    return { ...fresh, state: 'waiting', dueAtMs: of.dueAtMs };
  }
  return lease === undefined ? fresh : leasedRecipient(fresh, lease, message.receivedAtMs);
}

/** A recipient whose try begins. */
export function leasedRecipient(recipient: QueuedRecipient, lease: Lease, nowMs: number): QueuedRecipient {
  return {
    ...recipient,
    state: 'leased',
    dueAtMs: lease.untilMs,
    leaseOwner: lease.owner,
    ...(lease.token === undefined ? {} : { leaseToken: lease.token }),
    attempts: recipient.attempts + 1,
    unsettledAttempts: recipient.unsettledAttempts + 1,
    lastAttemptAtMs: nowMs,
  };
}

/** What a settlement says of the recipient and of the lease that it ends. */
export function leaseOf(recipient: QueuedRecipient): Pick<Settlement, 'messageId' | 'index' | 'leaseToken'> {
  const { messageId, index, leaseToken } = recipient;
  return { messageId, index, ...(leaseToken === undefined ? {} : { leaseToken }) };
}

/** Whether a settlement is of the lease that the recipient is under. */
export function isSettledBy(
  recipient: QueuedRecipient | undefined,
  owner: string,
  settlement: Settlement,
): recipient is QueuedRecipient {
  if (recipient?.state !== 'leased' || recipient.leaseOwner !== owner) return false;
  return settlement.leaseToken === undefined || settlement.leaseToken === recipient.leaseToken;
}

/** Ids of the additions that are not to be put in, because every settlement which tells of them is ignored. */
export function ignoredAdditions(
  settlements: readonly Settlement[],
  isApplied: (settlement: Settlement) => boolean,
): ReadonlySet<string> {
  const ignored = new Set<string>();
  const wanted = new Set<string>();
  for (const settlement of settlements) {
    if (settlement.tells === undefined) continue;
    const ids = isApplied(settlement) ? wanted : ignored;
    for (const id of settlement.tells) ids.add(id);
  }
  for (const id of wanted) ignored.delete(id);
  return ignored;
}

/** A recipient whose lease was of an owner that is gone: its try counts. */
export function recoveredRecipient(recipient: QueuedRecipient, nowMs: number): QueuedRecipient {
  const { leaseOwner: _owner, leaseToken: _token, ...rest } = recipient;
  return { ...rest, state: 'ready', dueAtMs: nowMs };
}

/** A leased recipient after its settlement; `undefined` when it is to be removed. */
export function settledRecipient(
  recipient: QueuedRecipient,
  settlement: Settlement,
): QueuedRecipient | undefined {
  if (settlement.to === 'done') return undefined;
  const { leaseOwner: _owner, leaseToken: _token, holdReason: _reason, ...rest } = recipient;
  return {
    ...rest,
    state: settlement.to,
    dueAtMs: settlement.dueAtMs,
    attempts: recipient.attempts - (settlement.isUntried === true ? 1 : 0),
    unsettledAttempts: 0,
    site: settlement.site ?? recipient.site,
    isDelayTold: settlement.isDelayTold ?? recipient.isDelayTold,
    ...(settlement.lastReply === undefined ? {} : { lastReply: settlement.lastReply }),
    ...(settlement.lastRemote === undefined ? {} : { lastRemote: settlement.lastRemote }),
    ...(settlement.to === 'held' ? { holdReason: settlement.holdReason ?? 'held' } : {}),
  };
}

/**
 * A recipient that is not leased after an operator's change; `undefined` when it is to be removed, the recipient
 * itself when the change does not touch its state.
 */
export function changedRecipient(
  recipient: QueuedRecipient,
  change: QueueChange,
): QueuedRecipient | undefined {
  const { holdReason: _reason, ...rest } = recipient;
  switch (change.action) {
    case 'retry':
      return recipient.state === 'held' ? recipient : { ...rest, state: 'ready', dueAtMs: change.nowMs };
    case 'hold':
      return { ...rest, state: 'held', dueAtMs: 0, holdReason: change.reason };
    case 'release':
      return recipient.state === 'held' ? { ...rest, state: 'ready', dueAtMs: change.nowMs } : recipient;
    case 'bounce':
      return { ...rest, state: 'ready', dueAtMs: change.nowMs, bounceReason: change.reason };
    case 'redirect':
      return redirectedRecipient(recipient, change.route, change.nowMs);
    case 'delete':
      return undefined;
  }
}

/** Held ones stay held: they go the new way when they are released. */
function redirectedRecipient(
  recipient: QueuedRecipient,
  route: Route | undefined,
  nowMs: number,
): QueuedRecipient {
  const { redirect: _redirect, ...rest } = recipient;
  const to = route === undefined ? rest : { ...rest, redirect: route };
  return recipient.state === 'held' ? to : { ...to, state: 'ready', dueAtMs: nowMs, site: 'new' };
}
