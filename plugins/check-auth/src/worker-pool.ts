/** A few workers, made when they are needed; one that crashes or hangs is replaced, and its jobs fail. */
import type { Clock, Logger, Resolver } from '@postroad/core';
import { answerQuestion } from './answer-question.js';
import type { Checked, JobFacts } from './worker/protocol.js';
import { startWorkerThread, type WorkerThread } from './worker-thread.js';

/** What a pool is made of. */
export interface WorkerPoolOptions {
  readonly program: URL;
  readonly size: number;
  /** Jobs at once in one worker; they wait for DNS most of the time. */
  readonly jobsMax: number;
  /** Jobs that may wait for a place; more fail at once. */
  readonly waitingMax: number;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly resolver: Resolver;
  readonly log: Logger;
}

/** The pool. */
export interface WorkerPool {
  /** Runs a job; rejects when it takes too long, the worker ends, or there is no room. */
  check(facts: JobFacts, octets: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<Checked>;
  /** Ends all workers; jobs that run fail. */
  close(): Promise<void>;
}

/** How long a worker may keep silent after a job of it was given up, before it is taken for hung. */
const hungMs = 5_000;

/** Makes it; nothing is started yet. */
export function createWorkerPool(options: WorkerPoolOptions): WorkerPool {
  const { clock, log } = options;
  const workers: WorkerThread[] = [];
  const waiting: (() => void)[] = [];
  let isClosed = false;
  const start = (): WorkerThread => {
    const worker = startWorkerThread(options.program, (error) => {
      workers.splice(workers.indexOf(worker), 1);
      if (error !== undefined) log.error('a worker of the checks crashed', { error });
      for (const wake of waiting.splice(0)) wake();
    });
    workers.push(worker);
    return worker;
  };
  const free = (): WorkerThread | undefined => {
    const best = workers
      .filter((worker) => worker.isAlive && worker.jobs < options.jobsMax)
      .sort((a, b) => a.jobs - b.jobs)[0];
    if (best !== undefined && best.jobs === 0) return best;
    return workers.length < options.size ? start() : best;
  };
  const room = async (signal: AbortSignal): Promise<void> => {
    if (waiting.length >= options.waitingMax) throw new Error('too many messages wait for their checks');
    await new Promise<void>((resolve) => {
      waiting.push(resolve);
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  };
  return {
    async check(facts, octets, signal) {
      const deadline = new AbortController();
      const timer = clock.after(options.timeoutMs, () =>
        deadline.abort(new Error('the check took too long')),
      );
      const both = AbortSignal.any([signal, deadline.signal]);
      try {
        // Found and taken in one turn, or two jobs would take the same place.
        let worker = isClosed ? undefined : free();
        while (worker === undefined) {
          if (isClosed) throw new Error('the checks have ended');
          await room(both);
          both.throwIfAborted();
          worker = isClosed ? undefined : free();
        }
        try {
          return await worker.run(
            facts,
            octets,
            (type, name) => answerQuestion(options.resolver, type, name, both),
            both,
          );
        } finally {
          if (both.aborted) watch(clock, worker);
        }
      } finally {
        timer.cancel();
        waiting.shift()?.();
      }
    },
    async close() {
      isClosed = true;
      for (const wake of waiting.splice(0)) wake();
      await Promise.all([...workers].map((worker) => worker.terminate()));
    },
  };
}

/** A worker that does not answer at all computes without end: it is ended, and its other jobs with it. */
function watch(clock: Clock, worker: WorkerThread): void {
  if (!worker.isAlive) return;
  const timer = clock.after(hungMs, () => void worker.terminate());
  void worker.whenAnswers().then(() => timer.cancel());
}
