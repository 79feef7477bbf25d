/** The work of one account, one job after another; all jobs that wait share the syncs at the end. */
import { isMailError, MailError } from '@postroad/core';
import type { Folder } from './folder.js';

/** What the jobs of a batch leave to be done at its end. */
export interface Batch {
  /** Directories whose names changed. */
  readonly touched: Set<string>;
  /** Mailboxes that were removed, and whether the list of mailboxes changed. */
  readonly removed: Set<Folder>;
  isListChanged: boolean;
}

interface Job {
  readonly make: (batch: Batch) => Promise<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** What the queue asks of its account. */
export interface QueueOwner {
  /** Makes everything durable and tells those who watch. When it rejects, nothing of the batch counts. */
  finish(batch: Batch): Promise<void>;
  /** Something failed half-way: memory may say what the disk does not. */
  failed(): void;
}

/** Most jobs that share one end. */
const batchMax = 256;

/** Runs jobs; each resolves when what it did is durable. */
export class WorkQueue {
  readonly #owner: QueueOwner;
  #waiting: Job[] = [];
  #running: Promise<void> | undefined;

  constructor(owner: QueueOwner) {
    this.#owner = owner;
  }

  get isIdle(): boolean {
    return this.#running === undefined;
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  run<T>(make: (batch: Batch) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ make, resolve: resolve as (value: unknown) => void, reject });
      this.#running ??= this.#drain();
    });
  }

  async #drain(): Promise<void> {
    // Whoever asks in the same turn shares the end.
    await Promise.resolve();
    while (this.#waiting.length > 0) await this.#runBatch(this.#waiting.splice(0, batchMax));
    this.#running = undefined;
  }

  async #runBatch(jobs: readonly Job[]): Promise<void> {
    const batch: Batch = { touched: new Set(), removed: new Set(), isListChanged: false };
    const done: (readonly [Job, unknown])[] = [];
    for (const job of jobs) {
      try {
        done.push([job, await job.make(batch)]);
      } catch (error) {
        if (!isMailError(error)) this.#owner.failed();
        job.reject(asMailError(error));
      }
    }
    try {
      await this.#owner.finish(batch);
    } catch (error) {
      for (const [job] of done) job.reject(asMailError(error));
      return;
    }
    for (const [job, value] of done) job.resolve(value);
  }
}

function asMailError(error: unknown): MailError {
  if (isMailError(error)) return error;
  return new MailError('E_MAILBOX_STORE', 'the Maildir could not be read or written', { cause: error });
}
