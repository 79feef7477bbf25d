/**
 * The thread: takes jobs from the server, asks it for DNS, and says what it found. Several jobs run at once. Of the core
 * it takes only types, so that it starts fast.
 */
import { getPriority, platform, setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { checkMessage } from './check-message.js';
import type { MailauthResolver } from './mailauth.js';
import type { Answer, FromWorker, JobFacts, ToWorker } from './protocol.js';

/**
 * Whoever talks to clients goes first where there are fewer cores than threads: on Linux a priority is a thread's own, so
 * this is that of the checks alone. Elsewhere it would be the whole process's.
 */
const steps = 5;
if (platform() === 'linux') setPriority(0, Math.min(19, getPriority(0) + steps));

const port = parentPort;
if (port === null) throw new Error('this is the program of a worker thread');

const tell = (message: FromWorker): void => port.postMessage(message);

/** Chunks as they come; each is told of when it is taken, so that no more than a few wait. */
class Incoming implements AsyncIterable<Uint8Array> {
  readonly #chunks: Uint8Array[] = [];
  #isEnded = false;
  #error: Error | undefined;
  #wake: () => void = () => undefined;
  readonly #taken: () => void;

  constructor(taken: () => void) {
    this.#taken = taken;
  }

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#wake();
  }

  end(error?: Error): void {
    this.#isEnded = true;
    this.#error = error;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        yield chunk;
        this.#taken();
      } else if (this.#error !== undefined) {
        throw this.#error;
      } else if (this.#isEnded) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

const jobs = new Map<number, Incoming>();
const questions = new Map<number, (answer: Answer) => void>();
let lastQuestion = 0;

port.on('message', (message: ToWorker) => {
  switch (message.kind) {
    case 'job':
      void run(message.job, message.facts);
      return;
    case 'chunk':
      jobs.get(message.job)?.push(message.octets);
      return;
    case 'end':
      jobs.get(message.job)?.end();
      return;
    case 'cancel':
      jobs.get(message.job)?.end(new Error('cancelled'));
      return;
    case 'call':
      tell({ kind: 'here' });
      return;
    case 'answer':
      questions.get(message.question)?.(message.answer);
      questions.delete(message.question);
  }
});

async function run(job: number, facts: JobFacts): Promise<void> {
  const octets = new Incoming(() => tell({ kind: 'taken', job }));
  jobs.set(job, octets);
  try {
    tell({ kind: 'done', job, checked: await checkMessage(facts, octets, resolverOf(job)) });
  } catch (error) {
    tell({ kind: 'failed', job, reason: error instanceof Error ? error.message : String(error) });
  } finally {
    jobs.delete(job);
  }
}

function resolverOf(job: number): MailauthResolver {
  return async (name, type) => {
    const question = ++lastQuestion;
    const answer = await new Promise<Answer>((resolve) => {
      questions.set(question, resolve);
      tell({ kind: 'question', job, question, type, name });
    });
    if ('records' in answer) return answer.records;
    throw Object.assign(new Error(answer.text), { code: answer.code });
  };
}
