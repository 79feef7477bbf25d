/** What operators have suspended; kept in the store, so that a restart does not begin what was stopped by hand. */
import { MailError } from '../../errors.js';
import type { Suspension, SuspensionTarget } from '../../services/queue.js';
import type { QueuedMessage, QueuedRecipient, QueueFilter, QueueStore } from '../../services/queue-store.js';
import { tenantOf } from './matches-filter.js';

/** See the file's comment. */
export interface Suspensions {
  /** Reads what was kept, and what others have changed in a shared store. */
  load(): Promise<void>;
  /** Adds one, or replaces that of the same target. */
  add(suspension: Suspension): Promise<void>;
  remove(target: SuspensionTarget): Promise<boolean>;
  list(): readonly Suspension[];
  /** The one that a recipient falls under. */
  find(message: QueuedMessage, recipient: QueuedRecipient, site: string): Suspension | undefined;
  readonly isEmpty: boolean;
}

const factName = 'suspensions';
/** How often a change is tried when others change it at the same time. */
const triesMax = 100;

/** The waiting recipients that a suspension was about. */
export function filterOf({ kind, value }: SuspensionTarget): QueueFilter {
  return { [kind]: value, state: 'waiting' };
}

/** None yet. `began` is told of each that is new, whoever made it. */
export function createSuspensions(
  store: QueueStore,
  nowMs: () => number,
  began: (suspension: Suspension) => void,
): Suspensions {
  let all: readonly Suspension[] = [];
  /** As it was read or written last. */
  let kept: string | undefined;
  // One after another: each change builds on the one before.
  let changing: Promise<unknown> = Promise.resolve();

  const current = (): readonly Suspension[] => {
    if (all.some((one) => isOver(one, nowMs()))) all = all.filter((one) => !isOver(one, nowMs()));
    return all;
  };

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = changing.then(work);
    changing = done.catch(() => undefined);
    return done;
  }

  function takeOver(fact: string | undefined, next: readonly Suspension[]): void {
    const before = current();
    kept = fact;
    all = next;
    for (const one of current()) if (!before.some((known) => isOf(known, one))) began(one);
  }

  async function read(): Promise<void> {
    const found = await store.recall(factName);
    if (found === kept) return;
    takeOver(found, found === undefined ? [] : (JSON.parse(found) as readonly Suspension[]));
  }

  /** Durable first: what the operator is told must be so after a restart too. `false` when nothing was to be changed. */
  async function change(
    next: (now: readonly Suspension[]) => readonly Suspension[] | undefined,
  ): Promise<boolean> {
    for (let tries = 0; tries < triesMax; tries++) {
      const wanted = next(current());
      if (wanted === undefined) return false;
      const fact = wanted.length === 0 ? undefined : JSON.stringify(wanted);
      if (store.exchange === undefined) await store.remember(factName, fact);
      else if (!(await store.exchange(factName, kept, fact))) {
        // Another node has changed it.
        await read();
        continue;
      }
      takeOver(fact, wanted);
      return true;
    }
    throw new MailError('E_QUEUE_STORE', 'what is suspended is being changed by too many at once');
  }

  return {
    load: () => inTurn(read),
    async add(suspension) {
      await inTurn(() => change((now) => [...now.filter((one) => !isOf(one, suspension)), suspension]));
    },
    remove: (target) =>
      inTurn(() =>
        change((now) => {
          const left = now.filter((one) => !isOf(one, target));
          return left.length === now.length ? undefined : left;
        }),
      ),
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
