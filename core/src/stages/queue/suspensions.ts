/** What operators have suspended; kept in the store, so that a restart does not begin what was stopped by hand. */
import type { Suspension, SuspensionTarget } from '../../services/queue.js';
import type { QueuedMessage, QueuedRecipient, QueueFilter, QueueStore } from '../../services/queue-store.js';
import { tenantOf } from './matches-filter.js';

/** See the file's comment. */
export interface Suspensions {
  /** Reads what was kept. */
  load(): Promise<void>;
  /** Adds one, or replaces that of the same target. */
  add(suspension: Suspension): Promise<Suspension>;
  remove(target: SuspensionTarget): Promise<boolean>;
  list(): readonly Suspension[];
  /** The one that a recipient falls under. */
  find(message: QueuedMessage, recipient: QueuedRecipient, site: string): Suspension | undefined;
  readonly isEmpty: boolean;
}

const factName = 'suspensions';

/** The waiting recipients that a suspension was about. */
export function filterOf({ kind, value }: SuspensionTarget): QueueFilter {
  return { [kind]: value, state: 'waiting' };
}

/** None yet. */
export function createSuspensions(store: QueueStore, nowMs: () => number): Suspensions {
  let all: readonly Suspension[] = [];

  const current = (): readonly Suspension[] => {
    if (all.some((one) => isOver(one, nowMs()))) all = all.filter((one) => !isOver(one, nowMs()));
    return all;
  };

  /** Durable first: what the operator is told must be so after a restart too. */
  async function keep(next: readonly Suspension[]): Promise<void> {
    await store.remember(factName, next.length === 0 ? undefined : JSON.stringify(next));
    all = next;
  }

  return {
    async load() {
      const kept = await store.recall(factName);
      if (kept !== undefined) all = JSON.parse(kept) as readonly Suspension[];
    },
    async add(suspension) {
      await keep([...current().filter((one) => !isOf(one, suspension)), suspension]);
      return suspension;
    },
    async remove(target) {
      const left = current().filter((one) => !isOf(one, target));
      if (left.length === all.length) return false;
      await keep(left);
      return true;
    },
    list: current,
    find(message, recipient, site) {
      return current().find((one) => isUnder(one, message, recipient, site));
    },
    get isEmpty() {
      return all.length === 0;
    },
  };
}

/** Whether a recipient falls under a suspension. */
export function isUnder(
  { kind, value }: SuspensionTarget,
  message: QueuedMessage,
  recipient: QueuedRecipient,
  site: string,
): boolean {
  switch (kind) {
    case 'site':
      return value === site;
    case 'domain':
      return value.toLowerCase() === recipient.address.domain;
    case 'account':
      return value === message.origin.accountId;
    case 'tenant':
      return value === tenantOf(message);
    case 'campaign':
      return value === message.origin.campaign;
  }
}

function isOver(one: Suspension, nowMs: number): boolean {
  return one.untilMs !== undefined && one.untilMs <= nowMs;
}

function isOf(one: SuspensionTarget, target: SuspensionTarget): boolean {
  return one.kind === target.kind && one.value === target.value;
}
