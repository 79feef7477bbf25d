/** Commands for a server of several processes: each is asked, and their answers are made one. */
import { controlHandlers } from '../../control/handlers.js';
import type { ControlCall, ControlHandler } from '../../control/protocol.js';
import { isMailError, MailError } from '../../errors.js';
import type { PooledWorker, WorkerPool } from './worker-pool.js';

type Given = Readonly<Record<string, unknown>>;
type Answer = Readonly<Record<string, unknown>>;

/** See the file's comment. */
export interface WorkerControl {
  handlers(stop: (how: { readonly drainMs?: number }) => void): Readonly<Record<string, ControlHandler>>;
  /** Reloads one worker after another; when the first one fails the others are left as they are. */
  reload(): Promise<void>;
}

/** Commands over the workers of a pool. */
export function createWorkerControl(pool: WorkerPool): WorkerControl {
  let calls = 0;

  async function ask(
    worker: PooledWorker,
    command: string,
    given: Given,
    call?: ControlCall,
  ): Promise<unknown> {
    const id = ++calls;
    if (call !== undefined) pool.pages.set(id, call);
    try {
      return await worker.calls.call('control', command, given, id);
    } finally {
      pool.pages.delete(id);
    }
  }

  /** Those that have a part of the queue of their own. */
  function queues(): readonly PooledWorker[] {
    const ready = pool.ready();
    if (ready.length === 0) throw new MailError('E_STATE', 'no worker is running');
    return ready[0]?.isQueueShared === true ? ready.slice(0, 1) : ready;
  }

  async function askAll(workers: readonly PooledWorker[], command: string, given: Given) {
    return (await Promise.all(workers.map((worker) => ask(worker, command, given)))) as readonly Answer[];
  }

  const sumOf = (command: string): ControlHandler => {
    return async (given) => (await askAll(queues(), command, given)).reduce(addUp);
  };
  const first = (command: string): ControlHandler => {
    return (given, call) => ask(queues()[0] as PooledWorker, command, given, call);
  };

  async function list(given: Given, call: ControlCall): Promise<unknown> {
    let left = typeof given.limit === 'number' ? given.limit : Number.MAX_SAFE_INTEGER;
    let listed = 0;
    let isComplete = true;
    for (const worker of queues()) {
      if (left <= 0) return { listed, isComplete: false };
      const answer = (await ask(worker, 'queue.list', { ...given, limit: left }, call)) as Answer;
      listed += Number(answer.listed);
      left -= Number(answer.listed);
      isComplete &&= answer.isComplete === true;
    }
    return { listed, isComplete };
  }

  async function show(given: Given): Promise<unknown> {
    let missing: unknown;
    for (const worker of queues()) {
      try {
        return await ask(worker, 'queue.show', given);
      } catch (error) {
        if (!isMailError(error, 'E_NOT_FOUND')) throw error;
        missing = error;
      }
    }
    throw missing;
  }

  /** Each writes its part into a file of its own. */
  async function exportAll(given: Given): Promise<unknown> {
    const workers = queues();
    const answers: Answer[] = [];
    for (const worker of workers) {
      const file = worker.index === 0 ? given.file : `${given.file}.${worker.index}`;
      answers.push((await ask(worker, 'queue.export', { ...given, file })) as Answer);
    }
    return answers.reduce(addUp);
  }

  /** Each worker has its own plugins; what they send in pages is passed on, the first answer is the answer. */
  async function askPlugins(given: Given, call: ControlCall): Promise<unknown> {
    const answers: unknown[] = [];
    for (const worker of pool.ready()) answers.push(await ask(worker, 'plugin', given, call));
    return answers[0];
  }

  async function reload(): Promise<void> {
    for (const worker of pool.ready()) await ask(worker, 'reload', {});
  }

  /** Suspensions are kept by each scheduler. */
  const everywhere = (command: string): ControlHandler => {
    return async (given) => (await askAll(pool.ready(), command, given)).reduce(addUp);
  };

  function handlers(stop: (how: { readonly drainMs?: number }) => void) {
    // Arguments of `stop` are checked as they are by a server of one process.
    const own = controlHandlers({ stop } as Parameters<typeof controlHandlers>[0]);
    const changes = ['retry', 'hold', 'release', 'delete', 'bounce', 'redirect', 'count'];
    return {
      ...Object.fromEntries(changes.map((name) => [`queue.${name}`, sumOf(`queue.${name}`)])),
      'queue.list': list,
      'queue.show': show,
      'queue.export': exportAll,
      'queue.import': first('queue.import'),
      'queue.suspend': everywhere('queue.suspend'),
      'queue.resume': everywhere('queue.resume'),
      'queue.suspensions': (given: Given) => joinLists(askAll(queues(), 'queue.suspensions', given)),
      'queue.trace': (given: Given) => joinLists(askAll(pool.ready(), 'queue.trace', given)),
      plugin: askPlugins,
      explain: first('explain'),
      async reload() {
        await reload();
        return { reloaded: true };
      },
      stop: own.stop as ControlHandler,
    };
  }

  return { handlers, reload };
}

/** Numbers are added, `true` wins, other things are those of the first. */
function addUp(a: unknown, b: unknown): Answer {
  const sum: Record<string, unknown> = { ...(b as Answer), ...(a as Answer) };
  for (const [key, value] of Object.entries(b as Answer)) {
    const known = (a as Answer)[key];
    if (typeof known === 'number' && typeof value === 'number' && !key.endsWith('Ms'))
      sum[key] = known + value;
    else if (typeof known === 'boolean') sum[key] = known || value === true;
    else if (isObject(known) && isObject(value)) sum[key] = addUp(known, value);
  }
  return sum;
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

async function joinLists(answers: Promise<readonly unknown[]>): Promise<readonly unknown[]> {
  const all = (await answers).flatMap((answer) => (Array.isArray(answer) ? (answer as unknown[]) : []));
  const seen = new Set<string>();
  return all.filter((one) => {
    const key = JSON.stringify(one);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
