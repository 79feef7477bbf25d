/** The queue on LMDB. One process works a directory at a time. */
import { join } from 'node:path';
import {
  type Lease,
  type Logger,
  MailError,
  type NewQueuedMessage,
  type QueueCounts,
  type QueuedRecipient,
  type QueueFilter,
  type QueueRecovery,
  type QueueStore,
  type RecipientState,
} from '@postroad/core';
import { openBodyFiles } from './body-files.js';
import { changeStep } from './change-step.js';
import { createCommitQueue } from './commit-queue.js';
import { openEnvironment } from './environment.js';
import { checkId } from './keys.js';
import { leaseStep } from './lease-step.js';
import { type ListChunk, listStep } from './list-step.js';
import { isKnown, type PreparedMessage, prepareMessage, putStep } from './put-step.js';
import { forgetIdle, type QueueState } from './queue-state.js';
import { decodeMessage } from './record-codec.js';
import { readCounters, readHeads, recoverStep, removeOrphans, writeCounters } from './recovery.js';
import { lapseStep, settleStep } from './settle-step.js';
import { createSiteHeads } from './site-heads.js';

/** Where the queue is kept. */
export interface LmdbQueueOptions {
  readonly directory: string;
  readonly log: Logger;
}

// Records that one step looks at: bounds how long others wait for it.
const lookMax = 1000;
const recoveryChunk = 5000;
const lapseCheckMs = 1000;

/** Opens the queue of a directory. `E_QUEUE_STORE` when it can't be opened. */
export async function openLmdbQueueStore(options: LmdbQueueOptions): Promise<QueueStore> {
  const environment = await openEnvironment(options.directory);
  const state: QueueState = {
    environment,
    bodies: await openBodyFiles(join(options.directory, 'bodies'), options.log),
    heads: createSiteHeads(),
    active: new Map(),
    touched: new Set(),
    counters: { messages: 0, ready: 0, waiting: 0, leased: 0, held: 0 },
    log: options.log,
  };
  const commits = createCommitQueue({
    commit: environment.commit,
    begin: () => forgetIdle(state),
    last: () => writeCounters(state),
  });
  let nextLapseMs = 0;
  let cleaning = Promise.resolve();
  let isStarted = false;

  async function prepare(message: NewQueuedMessage, lease?: Lease): Promise<PreparedMessage> {
    checkId(message.id);
    if (message.body.inline === undefined) {
      if (isKnown(state, message.id)) throw known(message.id);
      await state.bodies.take(message.id, message.body);
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

  return {
    async start(owner, nowMs): Promise<QueueRecovery> {
      if (isStarted) {
        // Another generation of the same process: what is leased is known, and the first may still be at it.
        const recovered = await commits.run({ prepare: (batch) => lapseStep(state, batch, nowMs, owner) });
        return { recovered, quarantined: [] };
      }
      isStarted = true;
      const files = await state.bodies.list();
      readCounters(state);
      const quarantined: string[] = [];
      let recovered = 0;
      for (let isDone = false; !isDone; ) {
        const step = await commits.run({
          prepare: (batch) => recoverStep(state, batch, nowMs, recoveryChunk),
          isAlone: true,
        });
        recovered += step.recovered;
        quarantined.push(...step.quarantined);
        isDone = step.isDone;
      }
      readHeads(state);
      cleaning = removeOrphans(state, files);
      return { recovered, quarantined };
    },
    put: (message, lease) =>
      putAll([message], lease, async ([prepared]) => {
        if (prepared === undefined) return [];
        await commits.run({ prepare: (batch) => putStep(state, batch, prepared) });
        return prepared.recipients;
      }),
    async lease(request) {
      if (request.nowMs >= nextLapseMs) {
        nextLapseMs = request.nowMs + lapseCheckMs;
        await commits.run({ prepare: (batch) => lapseStep(state, batch, request.nowMs) });
      }
      return commits.run({ prepare: (batch) => leaseStep(state, batch, request), isAlone: true });
    },
    settle: (owner, settlements, additions = []) =>
      putAll(additions, undefined, (prepared) =>
        commits.run({
          prepare(batch) {
            settleStep(state, batch, owner, settlements);
            for (const one of prepared) putStep(state, batch, one);
          },
        }),
      ),
    nextDueAtMs: async (exceptSites) => state.heads.first(exceptSites)?.dueAtMs,
    async message(id) {
      const record = environment.messages.getBinary(id);
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
          if (fact === undefined) batch.write(() => environment.facts.remove(key));
          else batch.write(() => environment.facts.put(key, Buffer.from(fact)));
        },
      }),
    recall: async (name) => environment.facts.getBinary(`fact/${name}`)?.toString(),
    async close() {
      await cleaning;
      await commits.idle();
      await environment.close();
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

function totals(state: QueueState): QueueCounts {
  const { messages, ...byState } = state.counters;
  const recipients = byState.ready + byState.waiting + byState.leased + byState.held;
  return { messages, recipients, byState };
}

function known(id: string): MailError {
  return new MailError('E_QUEUE_STORE', `message ${id} is queued already`);
}
