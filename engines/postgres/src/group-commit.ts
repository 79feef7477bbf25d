/**
 * Group commit: what comes while commits are on their way shares the next one. Another one begins beside them as soon as as
 * much waits as is on its way, or has waited for a while: many small commits cost the database more than few large ones.
 */
import type { Clock, Timer } from '@postroad/core';

/** What waits for its commit. */
interface Waiting<T> {
  readonly item: T;
  readonly sizeBytes: number;
  done(): void;
  failed(error: unknown): void;
}

/** Limits of the commits. */
export interface GroupCommitOptions {
  readonly clock: Clock;
  /** Commits on their way at once. */
  readonly commitsMax: number;
  readonly itemsMax: number;
  readonly bytesMax: number;
}

/** So long what waits lets others join it; a commit that hangs must not keep it longer. */
const patienceMs = 50;

/**
 * Commits items. `commit` writes all of them or none. When it fails and there are several, each is tried alone, because
 * one may be the reason; when `isHopeless` says of the failure that it is nobody's fault, all fail at once.
 */
export function createGroupCommit<T>(
  options: GroupCommitOptions,
  commit: (items: readonly T[]) => Promise<void>,
  isHopeless: (error: unknown) => boolean,
): (item: T, sizeBytes: number) => Promise<void> {
  const waiting: Waiting<T>[] = [];
  let commits = 0;
  /** Items on their way. */
  let flying = 0;
  let isScheduled = false;
  let patience: Timer | undefined;

  function takeBatch(): Waiting<T>[] {
    let count = 0;
    let bytes = 0;
    for (const one of waiting) {
      if (count > 0 && (count >= options.itemsMax || bytes + one.sizeBytes > options.bytesMax)) break;
      count++;
      bytes += one.sizeBytes;
    }
    return waiting.splice(0, count);
  }

  async function tryCommit(batch: readonly Waiting<T>[]): Promise<void> {
    try {
      await commit(batch.map((one) => one.item));
    } catch (error) {
      if (batch.length > 1 && !isHopeless(error)) {
        for (const one of batch) await tryCommit([one]);
        return;
      }
      for (const one of batch) one.failed(error);
      return;
    }
    for (const one of batch) one.done();
  }

  function begin(): void {
    patience?.cancel();
    patience = undefined;
    const batch = takeBatch();
    commits++;
    flying += batch.length;
    void tryCommit(batch).finally(() => {
      commits--;
      flying -= batch.length;
      work();
    });
  }

  function work(): void {
    isScheduled = false;
    while (waiting.length > 0 && commits < options.commitsMax && waiting.length >= flying) begin();
    if (waiting.length === 0 || commits === options.commitsMax) return;
    patience ??= options.clock.after(patienceMs, () => {
      patience = undefined;
      if (waiting.length === 0 || commits === options.commitsMax) return;
      begin();
      work();
    });
  }

  return (item, sizeBytes) =>
    new Promise<void>((done, failed) => {
      waiting.push({ item, sizeBytes, done, failed });
      // What comes in the same turn of the loop goes together.
      if (isScheduled) return;
      isScheduled = true;
      queueMicrotask(work);
    });
}
