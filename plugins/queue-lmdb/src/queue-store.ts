/** The queue over its tables, its journal and its files of bodies, wherever they are. */
import {
  type Clock,
  ignoredAdditions,
  type Lease,
  type Logger,
  type NewQueuedMessage,
  type QueueCounts,
  type QueuedRecipient,
  type QueueFilter,
  type QueueRecovery,
  type QueueStore,
  type Random,
  type RecipientState,
} from '@postroad/core';
import type { BodyFiles } from './body-files.js';
import { changeStep } from './change-step.js';
import { createCommitQueue } from './commit-queue.js';
import { noCounters } from './counters.js';
import type { CrashPoint } from './journal/journal.js';
import type { JournalDisk } from './journal/journal-disk.js';
import { createJournaled, type YoungLimits } from './journaled.js';
import { checkId } from './keys.js';
import { leaseStep } from './lease-step.js';
import { type ListChunk, listStep } from './list-step.js';
import { type PreparedMessage, prepareMessage, putStep, refuseKnown } from './put-step.js';
import type { QueueState } from './queue-state.js';
import { decodeMessage } from './record-codec.js';
import { endOldLeases, removeOrphans } from './recovery.js';
import { isHeldFor, lapseStep, settleStep } from './settle-step.js';
import { createSiteHeads } from './site-heads.js';
import { type TableReader, type Tables, table } from './tables/tables.js';
import { createYoung } from './young/young.js';

/** What the queue is made of. */
export interface QueueParts {
  readonly tables: Tables;
  readonly disk: JournalDisk;
  readonly bodies: BodyFiles;
  readonly limits: YoungLimits;
  readonly log: Logger;
  readonly clock: Clock;
  readonly random: Random;
  readonly crashPoint?: CrashPoint | undefined;
  /** Resolves when everything that this turn of the event loop brings is there. */
  readonly gather?: () => Promise<void>;
}

// Records that one step looks at: bounds how long others wait for it.
const lookMax = 1000;
const lapseCheckMs = 1000;

/** The queue; it owns its parts and closes them. */
export function createQueueStore(parts: QueueParts): QueueStore {
  const young = createYoung(parts.tables);
  const state = emptyState(parts, young);
  const journaled = createJournaled({
    ...parts,
    young,
    counters: state.counters,
    wake: () => void commits.run({ prepare: () => undefined, isAlone: true }),
  });
  const commits = createCommitQueue({ ...journaled, apply: young.apply, gather: parts.gather ?? nextTurn });
  let nextLapseMs = 0;
  let cleaning = Promise.resolve();
  let isStarted = false;

  async function prepare(message: NewQueuedMessage, lease?: Lease): Promise<PreparedMessage> {
    checkId(message.id);
    if (message.body.inline === undefined) {
      refuseKnown(state, message.id);
      await state.bodies.take(message.id, message.body);
      parts.crashPoint?.('body-written');
    }
    return prepareMessage(message, lease);
  }

  /** Bodies of messages that did not get in. */
  async function discard(prepared: readonly PreparedMessage[]): Promise<void> {
    for (const one of prepared) if (one.isBodyInFile) await state.bodies.remove(one.message.id);
  }

  async function putAll<T>(
    messages: readonly NewQueuedMessage[],
    lease: Lease | undefined,
    run: (prepared: readonly PreparedMessage[]) => Promise<T>,
  ): Promise<T> {
    const prepared: PreparedMessage[] = [];
    try {
      for (const message of messages) {
        if (message.recipients.length > 0) prepared.push(await prepare(message, lease));
      }
      return await run(prepared);
    } catch (error) {
      await discard(prepared);
      throw error;
    }
  }

  function putOne(prepared: PreparedMessage): Promise<readonly QueuedRecipient[]> {
    const { front, payload } = prepared.record;
    return commits.run({
      prepare(batch) {
        checkId(prepared.message.id);
        putStep(state, batch, prepared);
        return prepared.recipients;
      },
      sizeBytes: front.length + payload.length,
    });
  }

  return {
    async start(owner, nowMs): Promise<QueueRecovery> {
      if (isStarted) {
        // Another generation of the same process: what is leased is known, and the first may still be at it.
        const recovered = await commits.run({ prepare: (batch) => lapseStep(state, batch, nowMs, owner) });
        return { recovered, quarantined: [] };
      }
      isStarted = true;
      const files = await state.bodies.list();
      const quarantined: string[] = [...(await journaled.recover())];
      const recovered = await endOldLeases(state, commits, nowMs, quarantined);
      cleaning = removeOrphans(state, files);
      return { recovered, quarantined };
    },
    async put(message, lease) {
      // Most are small and alone: nothing has to be waited for before the commit, or taken back after it.
      if (message.body.inline !== undefined && message.recipients.length > 0)
        return putOne(prepareMessage(message, lease));
      return putAll([message], lease, async ([one]) => (one === undefined ? [] : putOne(one)));
    },
    async lease(request) {
      if (request.nowMs >= nextLapseMs) {
        nextLapseMs = request.nowMs + lapseCheckMs;
        await commits.run({ prepare: (batch) => lapseStep(state, batch, request.nowMs) });
      }
      return commits.run({
        prepare: (batch) => leaseStep(state, batch, request),
        isAlone: true,
        // The tries are counted before they begin, so that a process which dies of one knows; a sync adds nothing to that.
        isLazy: true,
      });
    },
    settle(owner, settlements, additions = []) {
      if (additions.length === 0)
        return commits.run({ prepare: (batch) => settleStep(state, batch, owner, settlements) });
      return putAll(additions, undefined, (prepared) =>
        commits
          .run({
            prepare(batch): readonly PreparedMessage[] {
              const ignored = ignoredAdditions(settlements, (one) => isHeldFor(state, owner, one));
              const wanted = prepared.filter((one) => !ignored.has(one.message.id));
              for (const one of wanted) refuseKnown(state, one.message.id);
              settleStep(state, batch, owner, settlements);
              for (const one of wanted) putStep(state, batch, one);
              return prepared.filter((one) => ignored.has(one.message.id));
            },
          })
          .then(discard),
      );
    },
    nextDueAtMs: async (exceptSites) => state.heads.first(exceptSites)?.dueAtMs,
    async message(id) {
      const record = young.get(table.messages, id);
      return record === undefined ? undefined : decodeMessage(record, state.bodies.fileOf);
    },
    async range(filter, { after, limit }) {
      const recipients: QueuedRecipient[] = [];
      let from: string | undefined = after;
      do {
        const at = from;
        const foundMax = limit - recipients.length;
        const chunk: ListChunk = await commits.run({
          prepare: (batch) => listStep(state, batch, filter, at, { lookMax, foundMax }),
          isAlone: true,
        });
        recipients.push(...chunk.found.map((one) => one.recipient));
        from = chunk.next;
      } while (from !== undefined && recipients.length < limit);
      return from === undefined ? { recipients } : { recipients, next: from };
    },
    async change(filter, change) {
      let changed = 0;
      let from: string | undefined;
      do {
        const at = from;
        const done = await commits.run({
          prepare(batch) {
            const chunk = listStep(state, batch, filter, at, { lookMax, foundMax: lookMax });
            return { count: changeStep(state, batch, chunk.found, change), next: chunk.next };
          },
          isAlone: true,
        });
        changed += done.count;
        from = done.next;
      } while (from !== undefined);
      return changed;
    },
    count: (filter) => count(filter),
    remember: (name, fact) =>
      commits.run({
        prepare(batch) {
          const key = `fact/${name}`;
          if (fact === undefined) batch.remove(table.facts, key);
          else batch.put(table.facts, key, Buffer.from(fact));
        },
      }),
    recall: async (name) => young.get(table.facts, `fact/${name}`)?.toString(),
    async close() {
      await cleaning;
      await commits.idle();
      await journaled.close();
      await parts.tables.close();
    },
  };

  async function count(filter: QueueFilter = {}): Promise<QueueCounts> {
    if (Object.keys(filter).length === 0) return totals(state);
    const byState: Record<RecipientState, number> = { ready: 0, waiting: 0, leased: 0, held: 0 };
    const messages = new Set<string>();
    let recipients = 0;
    let from: string | undefined;
    do {
      const at = from;
      const chunk = await commits.run({
        prepare: (batch) => listStep(state, batch, filter, at, { lookMax, foundMax: lookMax }),
        isAlone: true,
      });
      for (const { recipient } of chunk.found) {
        byState[recipient.state]++;
        messages.add(recipient.messageId);
        recipients++;
      }
      from = chunk.next;
    } while (from !== undefined);
    return { messages: messages.size, recipients, byState };
  }
}

function emptyState({ bodies, log }: QueueParts, tables: TableReader): QueueState {
  return { tables, bodies, heads: createSiteHeads(), active: new Map(), counters: noCounters(), log };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function totals(state: QueueState): QueueCounts {
  const { messages, ...byState } = state.counters;
  const recipients = byState.ready + byState.waiting + byState.leased + byState.held;
  return { messages, recipients, byState };
}
