/** Group commit: all changes that wait are made in one LMDB transaction and share its fsync. */
import { isMailError, MailError } from '@postroad/core';
import { ABORT } from 'lmdb';
import { Change } from './change.js';
import type { ChangeEnvironment, Counters, GroupRecords } from './change-records.js';

/** What a committed change tells the rest of the store. */
export type Committed = (change: Change) => void;

interface Job {
  readonly make: (change: Change) => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

type Outcome =
  | { readonly job: Job; readonly change: Change; readonly value: unknown }
  | { readonly job: Job; readonly error: unknown };

/** Most changes of one transaction: the event loop is held while they are made. */
const groupMax = 128;

/** Runs changes one after another, several to a commit. */
export class Committer {
  readonly #environment: ChangeEnvironment;
  readonly #onCommit: Committed;
  #waiting: Job[] = [];
  #isRunning = false;
  #idle: (() => void)[] = [];

  constructor(environment: ChangeEnvironment, onCommit: Committed) {
    this.#environment = environment;
    this.#onCommit = onCommit;
  }

  /**
   * Makes a change; resolves with what it returned once it is durable. What it throws itself rejects and changes
   * nothing; a failing disk rejects with `E_MAILBOX_STORE` and changes nothing either.
   */
  run<T>(make: (change: Change) => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ make, resolve: resolve as (value: unknown) => void, reject });
      if (!this.#isRunning) void this.#drain();
    });
  }

  /** Resolves when nothing is under way. */
  idle(): Promise<void> {
    if (!this.#isRunning) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  async #drain(): Promise<void> {
    this.#isRunning = true;
    // Whoever asks in the same turn shares the commit.
    await Promise.resolve();
    while (this.#waiting.length > 0) await this.#commitGroup(this.#waiting.splice(0, groupMax));
    this.#isRunning = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  async #commitGroup(jobs: readonly Job[]): Promise<void> {
    let outcomes: readonly Outcome[] = [];
    try {
      const { root } = this.#environment.tables;
      await root.childTransaction(() => {
        let isChanged: boolean;
        [outcomes, isChanged] = this.#makeAll(jobs);
        return isChanged ? undefined : ABORT;
      });
    } catch (cause) {
      const error = new MailError('E_MAILBOX_STORE', 'the mailbox store could not be written', {
        cause: await rootOf(cause),
      });
      for (const job of jobs) job.reject(error);
      return;
    }
    for (const outcome of outcomes) if ('change' in outcome) this.#onCommit(outcome.change);
    for (const outcome of outcomes) {
      if ('change' in outcome) outcome.job.resolve(outcome.value);
      else outcome.job.reject(outcome.error);
    }
  }

  #makeAll(jobs: readonly Job[]): readonly [readonly Outcome[], isChanged: boolean] {
    const group: GroupRecords = {
      accounts: new Map(),
      mailboxes: new Map(),
      keywords: new Map(),
      counters: this.#readCounters(),
      isChanged: false,
    };
    const outcomes = jobs.map((job): Outcome => {
      const change = new Change(this.#environment, group);
      let value: unknown;
      try {
        value = job.make(change);
      } catch (error) {
        return { job, error: asMailError(error) };
      }
      // What fails from here on fails the whole group: it may be half written.
      change.flush();
      return { job, change, value };
    });
    // A keyword keeps its first spelling even when the change that brought it found no message.
    for (const spelling of group.keywords.values()) if (spelling.isChanged) group.isChanged = true;
    if (group.isChanged) this.#writeRecords(group);
    return [outcomes, group.isChanged];
  }

  #readCounters(): Counters {
    const stored = this.#environment.tables.meta.get('counters') as Counters | undefined;
    return stored ?? { account: 0, mailbox: 0, message: 0, thread: 0 };
  }

  #writeRecords(group: GroupRecords): void {
    const { tables } = this.#environment;
    for (const [key, record] of group.accounts) void tables.accounts.put(key, record);
    for (const [number, record] of group.mailboxes) {
      if (record === null) void tables.mailboxes.remove(number);
      else void tables.mailboxes.put(number, record);
    }
    for (const [account, spelling] of group.keywords) {
      if (spelling.isChanged) void tables.keywords.put(account, spelling.list());
    }
    void tables.meta.put('counters', group.counters);
  }
}

function asMailError(error: unknown): MailError {
  if (isMailError(error)) return error;
  return new MailError('E_MAILBOX_STORE', 'the mailbox store could not be read', { cause: error });
}

/** LMDB tells the cause of a failed commit by a promise of its own, which is settled within the turn. */
async function rootOf(cause: unknown): Promise<unknown> {
  const { commitError } = cause as { readonly commitError?: Promise<unknown> };
  if (commitError === undefined) return cause;
  const told = commitError.then(
    () => cause,
    (error: unknown) => error,
  );
  return Promise.race([told, new Promise((resolve) => setImmediate(resolve, cause))]);
}
