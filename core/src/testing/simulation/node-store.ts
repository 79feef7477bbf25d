/**
 * The shared queue as one node sees it: over a link that takes time and can be cut, with a clock that is wrong, and as a
 * member that is thrown out when it is silent. What it does is what `queue-postgres` does with its database.
 */
import { MailError } from '../../errors.js';
import type { Clock } from '../../services/clock.js';
import type { QueuedRecipient, QueueStore } from '../../services/queue-store.js';
import type { Random } from '../../services/random.js';
import { matchesFilter } from '../../stages/queue/matches-filter.js';
import type { NodeLedger } from './node-ledger.js';
import type { SharedQueue } from './shared-queue.js';

/** A node's end of the queue. */
export interface NodeStoreOptions {
  readonly queue: SharedQueue;
  /** The node's own clock: wrong, and standing still while the node does. */
  readonly clock: Clock;
  readonly random: Random;
  readonly ledger: NodeLedger;
  readonly name: string;
  readonly nodeTimeoutMs: number;
  /** Whether the link to the database is cut. */
  isCut(): boolean;
  /** Whether the process lives. */
  isAlive(): boolean;
}

const statementTimeoutMs = 5_000;

/** Opens it; `close` says goodbye. */
export function openNodeStore(options: NodeStoreOptions): QueueStore {
  const { queue, clock, random, ledger, name, nodeTimeoutMs } = options;
  const facts = new Map<string, string>();
  let owner = '';
  let heardAtMs = Number.NEGATIVE_INFINITY;
  let lostAtMs = Number.NEGATIVE_INFINITY;
  let skewMs = 0;
  let isClosed = false;
  const isMember = (): boolean => clock.monotonic() - heardAtMs < (nodeTimeoutMs * 3) / 4;

  /** One statement: it takes its way, is carried out or not, and its answer comes back or not. */
  async function ask<T>(run: () => T): Promise<T> {
    await travel();
    const result = run();
    await travel();
    return result;
  }

  async function travel(): Promise<void> {
    await clock.sleep(1 + Math.floor(random.number() * 40));
    if (!options.isAlive()) return await new Promise(() => {});
    if (!options.isCut()) return;
    await clock.sleep(statementTimeoutMs);
    throw new MailError('E_QUEUE_STORE', 'the database does not answer');
  }

  function sweep(): void {
    const gone = queue.sweep(nodeTimeoutMs, { owner, name });
    // Whatever these nodes had under way may be done a second time.
    for (const _one of gone) ledger.crashed();
  }

  async function beat(): Promise<void> {
    const beganMs = clock.monotonic();
    const askedAtMs = clock.now();
    const { isNew, nowMs } = await ask(() => ({ isNew: queue.beat(owner, name), nowMs: queue.nowMs }));
    if (isNew && heardAtMs > Number.NEGATIVE_INFINITY) lostAtMs = clock.now();
    skewMs = Math.round(nowMs - (askedAtMs + clock.now()) / 2);
    heardAtMs = beganMs;
  }

  async function work(): Promise<void> {
    while (!isClosed && options.isAlive()) {
      await clock.sleep(nodeTimeoutMs / 4);
      if (isClosed) return;
      // A node that can not say that it is there goes on trying; others find out by its silence.
      await beat()
        .then(() => ask(sweep))
        .catch(() => undefined);
    }
  }

  return {
    async start(joining) {
      owner = joining;
      await beat();
      await ask(sweep);
      void work();
      return { recovered: 0, quarantined: [] };
    },
    put(message, lease) {
      const isSure = lease === undefined || isMember();
      const given = isSure ? lease : undefined;
      return ask(() => queue.put(message, given, (given?.untilMs ?? 0) + skewMs));
    },
    lease: (request) => ask(() => queue.lease(request, request.lease.untilMs + skewMs)),
    settle: (by, settlements, additions = []) =>
      ask(() => {
        const { applied, added } = queue.settle(by, settlements, additions);
        ledger.committed(applied, added);
      }),
    nextDueAtMs: (exceptSites) => ask(() => queue.nextDueAtMs(exceptSites)),
    message: (id) => ask(() => queue.message(id)),
    range: (filter, { limit }) =>
      ask(() => {
        const all = queue
          .recipients()
          .filter((one) => matchesFilter(filter, one, () => queue.message(one.messageId)));
        return { recipients: all.slice(0, limit) };
      }),
    change: async () => 0,
    count: async () => ({
      messages: 0,
      recipients: queue.recipients().length,
      byState: { ready: 0, waiting: 0, leased: 0, held: 0 },
    }),
    remember: async (key, fact) => void (fact === undefined ? facts.delete(key) : facts.set(key, fact)),
    recall: async (key) => facts.get(key),
    isShared: true,
    isHeld: (recipients: readonly QueuedRecipient[]) =>
      isMember() && recipients.every((one) => (one.lastAttemptAtMs ?? Number.MAX_VALUE) >= lostAtMs),
    async close() {
      isClosed = true;
      await ask(() => {
        queue.leave(owner);
        sweep();
      }).catch(() => undefined);
    },
  };
}
