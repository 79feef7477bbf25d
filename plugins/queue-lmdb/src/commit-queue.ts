/**
 * Group commit. Steps are prepared one after another against the state that the last commit left, so they need no
 * locks; what they write goes into one transaction, and all of them resolve when it is durable. While a commit is on
 * its way the next steps gather. When it fails, every step's changes in memory are undone and every step rejects.
 */
import { isMailError, MailError } from '@postroad/core';

/** Writes something; the promise resolves when it is durable. */
export type Write = () => Promise<unknown>;

/** What a step works with. */
export interface Batch {
  /** Registers a write for the commit; it returns the promise of the database. */
  write(write: Write): void;
  /** Registers how to take back a change in memory, should the commit fail. */
  undo(undo: () => void): void;
  /** Registers what to do when the commit is durable. */
  after(run: () => void): void;
}

/** One of the steps that share a commit. */
export interface Step<T> {
  /** Reads, changes memory and registers writes; throws to refuse this step alone. Synchronous. */
  prepare(batch: Batch): T;
  /** Shares no commit with others: it reads what others may be writing. */
  readonly isAlone?: boolean;
}

/** See the file's comment. */
export interface CommitQueue {
  /** Resolves with what `prepare` returned once it is durable. Rejects with `E_QUEUE_STORE`. */
  run<T>(step: Step<T>): Promise<T>;
  /** Resolves when nothing is on its way. */
  idle(): Promise<void>;
}

interface Queued extends Step<unknown> {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** Most steps of one commit: bounds the time that it takes to prepare one. */
const stepsMax = 512;

/** What a queue works with. */
export interface Commits {
  commit(writes: readonly Write[]): Promise<void>;
  /** Called before the steps of a commit are prepared: everything is as the last commit left it. */
  begin(): void;
  /** The last write of a commit that has any. */
  readonly last: Write;
}

/** An empty queue. */
export function createCommitQueue(commits: Commits): CommitQueue {
  const queued: Queued[] = [];
  let working: Promise<void> | undefined;

  function take(): Queued[] {
    const first = queued[0];
    if (first?.isAlone === true) return queued.splice(0, 1);
    let count = 0;
    while (count < stepsMax && queued[count] !== undefined && queued[count]?.isAlone !== true) count++;
    return queued.splice(0, count);
  }

  async function work(): Promise<void> {
    // Everything that this turn of the event loop still brings shares the first commit.
    await new Promise((resolve) => setImmediate(resolve));
    while (queued.length > 0) await commitBatch(take(), commits);
    working = undefined;
  }

  return {
    run<T>(step: Step<T>): Promise<T> {
      return new Promise<T>((resolve, reject) => {
        queued.push({ ...step, resolve: resolve as (value: unknown) => void, reject });
        working ??= work();
      });
    },
    async idle() {
      while (working !== undefined) await working;
    },
  };
}

async function commitBatch(steps: readonly Queued[], commits: Commits): Promise<void> {
  const writes: Write[] = [];
  const undos: (() => void)[] = [];
  const afters: (() => void)[] = [];
  const batch: Batch = {
    write: (write) => void writes.push(write),
    undo: (undo) => void undos.push(undo),
    after: (run) => void afters.push(run),
  };
  commits.begin();
  const prepared: { readonly step: Queued; readonly value: unknown }[] = [];
  for (const step of steps) {
    const from = { writes: writes.length, undos: undos.length, afters: afters.length };
    try {
      prepared.push({ step, value: step.prepare(batch) });
    } catch (error) {
      writes.length = from.writes;
      afters.length = from.afters;
      takeBack(undos, from.undos);
      step.reject(asQueueError(error));
    }
  }
  try {
    if (writes.length > 0) {
      await commits.commit([...writes, commits.last]);
    }
  } catch (error) {
    takeBack(undos, 0);
    for (const { step } of prepared) step.reject(asQueueError(error));
    return;
  }
  for (const run of afters) run();
  for (const { step, value } of prepared) step.resolve(value);
}

function takeBack(undos: (() => void)[], from: number): void {
  while (undos.length > from) undos.pop()?.();
}

function asQueueError(error: unknown): unknown {
  if (isMailError(error)) return error;
  return new MailError('E_QUEUE_STORE', 'the queue could not be read or written', { cause: error });
}
