/**
 * Group commit. Steps are prepared one after another, each against what the one before has left, so they need no
 * locks; what they write goes into one commit, and all of them resolve when it is durable. While a commit is on
 * its way the next steps gather. When it fails, every step's changes in memory are undone and every step rejects.
 */
import { isMailError, MailError } from '@postroad/core';
import type { Change, TableId } from './tables/tables.js';

/** What a step works with. */
export interface Batch {
  /** Puts a value, with the rest of it; it is seen at once. `isNew` promises that the key is nowhere yet. */
  put(of: TableId, key: string, value: Buffer, isNew?: boolean, rest?: Uint8Array): void;
  /** Removes a key; it is gone at once. */
  remove(of: TableId, key: string): void;
  /** Registers how to take back a change in memory, should the commit fail. */
  undo(undo: () => void): void;
  /** Registers what to do when the commit is durable. */
  after(run: () => void): void;
}

/** One of the steps that share a commit. */
export interface Step<T> {
  /** Reads, changes memory and registers writes; throws to refuse this step alone. Synchronous. */
  prepare(batch: Batch): T;
  /** Shares no commit with others: it is not to fail, or to wait, because of what others write. */
  readonly isAlone?: boolean;
  /** What it writes must survive the process, but need not be synced. Only of steps that are alone. */
  readonly isLazy?: boolean;
  /** How much it writes, about. */
  readonly sizeBytes?: number;
}

/** See the file's comment. */
export interface CommitQueue {
  /** Resolves with what `prepare` returned once it is durable. Rejects with `E_QUEUE_STORE`. */
  run<T>(step: Step<T>): Promise<T>;
  /** Resolves when nothing is on its way. */
  idle(): Promise<void>;
}

interface Queued {
  readonly step: Step<unknown>;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** Most steps of one commit, and about most octets: bounds the time that it takes to prepare and to write one. */
const stepsMax = 512;
const sizeBytesMax = 4 * 1024 * 1024;

/** What a queue works with. */
export interface Commits {
  /** Resolves when everything that this turn of the event loop brings is there. */
  gather(): Promise<void>;
  /** Called before the steps of a commit are prepared. Never rejects. */
  ready(): Promise<void>;
  /** Applies a change; returns how to take it back. */
  apply(change: Change, isNew: boolean): () => void;
  /** Makes the changes durable. */
  commit(changes: readonly Change[], isLazy: boolean): Promise<void>;
  /** Called when a commit has failed and everything is taken back. Never rejects. */
  failed(): Promise<void>;
}

/** An empty queue. */
export function createCommitQueue(commits: Commits): CommitQueue {
  const queued: Queued[] = [];
  let working: Promise<void> | undefined;

  function take(): Queued[] {
    const first = queued[0];
    if (first?.step.isAlone === true) return queued.splice(0, 1);
    let count = 0;
    let sizeBytes = 0;
    for (const { step } of queued) {
      if (step.isAlone === true || count === stepsMax || sizeBytes >= sizeBytesMax) break;
      sizeBytes += step.sizeBytes ?? 0;
      count++;
    }
    return queued.splice(0, count);
  }

  async function work(): Promise<void> {
    // Everything that this turn of the event loop still brings shares the first commit.
    await commits.gather();
    while (queued.length > 0) {
      await commits.ready();
      await commitBatch(take(), commits);
    }
    working = undefined;
  }

  return {
    run<T>(step: Step<T>): Promise<T> {
      return new Promise<T>((resolve, reject) => {
        queued.push({ step, resolve: resolve as (value: unknown) => void, reject });
        working ??= work();
      });
    },
    async idle() {
      while (working !== undefined) await working;
    },
  };
}

/** What the steps of one commit have done so far. */
class OpenBatch implements Batch {
  readonly changes: Change[] = [];
  readonly undos: (() => void)[] = [];
  readonly afters: (() => void)[] = [];
  readonly #commits: Commits;

  constructor(commits: Commits) {
    this.#commits = commits;
  }

  put(of: TableId, key: string, value: Buffer, isNew = false, rest?: Uint8Array): void {
    this.#change({ table: of, key, value, rest }, isNew);
  }

  remove(of: TableId, key: string): void {
    this.#change({ table: of, key, value: undefined }, false);
  }

  undo(undo: () => void): void {
    this.undos.push(undo);
  }

  after(run: () => void): void {
    this.afters.push(run);
  }

  #change(change: Change, isNew: boolean): void {
    this.changes.push(change);
    this.undos.push(this.#commits.apply(change, isNew));
  }
}

async function commitBatch(queued: readonly Queued[], commits: Commits): Promise<void> {
  const batch = new OpenBatch(commits);
  const prepared = prepareAll(queued, batch);
  if (batch.changes.length > 0) {
    try {
      await commits.commit(batch.changes, queued.length === 1 && queued[0]?.step.isLazy === true);
    } catch (error) {
      takeBack(batch.undos, 0);
      await commits.failed();
      for (const { of } of prepared) of.reject(asQueueError(error));
      return;
    }
  }
  for (const run of batch.afters) run();
  for (const { of, value } of prepared) of.resolve(value);
}

interface Prepared {
  readonly of: Queued;
  readonly value: unknown;
}

function prepareAll(queued: readonly Queued[], batch: OpenBatch): readonly Prepared[] {
  const prepared: Prepared[] = [];
  for (const of of queued) {
    const changes = batch.changes.length;
    const undos = batch.undos.length;
    const afters = batch.afters.length;
    try {
      prepared.push({ of, value: of.step.prepare(batch) });
    } catch (error) {
      batch.changes.length = changes;
      batch.afters.length = afters;
      takeBack(batch.undos, undos);
      of.reject(asQueueError(error));
    }
  }
  return prepared;
}

function takeBack(undos: (() => void)[], from: number): void {
  while (undos.length > from) undos.pop()?.();
}

function asQueueError(error: unknown): unknown {
  if (isMailError(error)) return error;
  return new MailError('E_QUEUE_STORE', 'the queue could not be read or written', { cause: error });
}
