/** One worker with the jobs that run in it. What it can't answer for, because it ended, fails at once. */

import { Worker } from 'node:worker_threads';
import { messageOf } from '@postroad/core';
import type { Answer, Checked, FromWorker, JobFacts, QuestionType, ToWorker } from './worker/protocol.js';

/** A question of a job. */
export type Ask = (type: QuestionType, name: string) => Promise<Answer>;

/** A worker. */
export interface WorkerThread {
  readonly jobs: number;
  /** Whether it takes more; false once it has ended. */
  readonly isAlive: boolean;
  /** Runs one job; rejects when the octets can't be read, the signal aborts, or the worker ends. */
  run(facts: JobFacts, octets: AsyncIterable<Uint8Array>, ask: Ask, signal: AbortSignal): Promise<Checked>;
  /** Resolves when it has answered to a call, or has ended. */
  whenAnswers(): Promise<void>;
  /** Ends it now, whatever it does. */
  terminate(): Promise<void>;
}

interface Job {
  readonly ask: Ask;
  readonly settle: (outcome: Checked | Error) => void;
  taken(): void;
}

/** Chunks on their way to the worker; it holds no more of a message than these. */
const chunksMax = 4;

/** Starts it; `ended` is told once when it is gone, asked for or not. */
export function startWorkerThread(program: URL, ended: (error: Error | undefined) => void): WorkerThread {
  // What a library prints is no log of ours: it is taken off its hands and dropped.
  const worker = new Worker(program, { stdout: true, stderr: true });
  worker.stdout.resume();
  worker.stderr.resume();
  worker.unref();
  const jobs = new Map<number, Job>();
  let last = 0;
  let isAlive = true;
  let failure: Error | undefined;
  const tell = (message: ToWorker) => worker.postMessage(message);
  const called: (() => void)[] = [];
  worker.on('message', (message: FromWorker) => {
    for (const answered of called.splice(0)) answered();
    hear(jobs, message, tell);
  });
  worker.on('error', (error) => {
    failure = error;
  });
  worker.on('exit', () => {
    isAlive = false;
    const reason = new Error(`the worker ended: ${failure === undefined ? 'told to' : messageOf(failure)}`);
    for (const job of jobs.values()) job.settle(reason);
    jobs.clear();
    for (const answered of called.splice(0)) answered();
    ended(failure);
  });
  return {
    get jobs() {
      return jobs.size;
    },
    get isAlive() {
      return isAlive;
    },
    async run(facts, octets, ask, signal) {
      signal.throwIfAborted();
      const id = ++last;
      return await runJob(jobs, id, { facts, octets, ask, signal, tell });
    },
    async whenAnswers() {
      tell({ kind: 'call' });
      await new Promise<void>((resolve) => called.push(resolve));
    },
    async terminate() {
      isAlive = false;
      await worker.terminate();
    },
  };
}

interface JobOptions {
  readonly facts: JobFacts;
  readonly octets: AsyncIterable<Uint8Array>;
  readonly ask: Ask;
  readonly signal: AbortSignal;
  readonly tell: (message: ToWorker) => void;
}

async function runJob(jobs: Map<number, Job>, id: number, options: JobOptions): Promise<Checked> {
  const { facts, octets, ask, signal, tell } = options;
  let room = chunksMax;
  let wake = () => {};
  let isOver = false;
  try {
    return await new Promise<Checked>((resolve, reject) => {
      const settle = (outcome: Checked | Error) => {
        isOver = true;
        wake();
        if (outcome instanceof Error) reject(outcome);
        else resolve(outcome);
      };
      const taken = () => {
        room++;
        wake();
      };
      jobs.set(id, { ask, settle, taken });
      signal.addEventListener('abort', () => settle(new Error('the check took too long')), { once: true });
      tell({ kind: 'job', job: id, facts });
      const send = async () => {
        for await (const chunk of octets) {
          while (room === 0 && !isOver) {
            await new Promise<void>((next) => {
              wake = next;
            });
          }
          if (isOver) return;
          room--;
          tell({ kind: 'chunk', job: id, octets: chunk });
        }
        tell({ kind: 'end', job: id });
      };
      send().catch((error) => settle(new Error(`the message could not be read: ${messageOf(error)}`)));
    });
  } finally {
    jobs.delete(id);
    if (signal.aborted) tell({ kind: 'cancel', job: id });
  }
}

function hear(jobs: ReadonlyMap<number, Job>, message: FromWorker, tell: (message: ToWorker) => void): void {
  if (message.kind === 'here') return;
  const job = jobs.get(message.job);
  switch (message.kind) {
    case 'taken':
      job?.taken();
      return;
    case 'done':
      job?.settle(message.checked);
      return;
    case 'failed':
      job?.settle(new Error(message.reason));
      return;
    case 'question':
      void answer(job, message, tell);
  }
}

async function answer(
  job: Job | undefined,
  { question, type, name }: Extract<FromWorker, { kind: 'question' }>,
  tell: (message: ToWorker) => void,
): Promise<void> {
  const gone: Answer = { code: 'ETIMEOUT', text: 'nobody waits for it' };
  tell({ kind: 'answer', question, answer: job === undefined ? gone : await job.ask(type, name) });
}
