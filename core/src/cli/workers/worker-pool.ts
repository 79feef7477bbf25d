/** The workers of one server: started, linked with each other, replaced when they die, stopped. */
import type { ControlCall } from '../../control/protocol.js';
import { MailError } from '../../errors.js';
import { type Calls, createCalls } from '../../server/calls.js';
import type { Clock } from '../../services/clock.js';
import type { CounterEntry, Counters } from '../../services/counters.js';
import type { Logger } from '../../services/logger.js';
import type { OwnSessionTickets } from '../../services/session-tickets.js';

/** A process, as far as the pool needs it (node:cluster). */
export interface WorkerProcess {
  readonly process: { readonly pid?: number | undefined; kill(signal: NodeJS.Signals): boolean };
  send(message: unknown, sent: () => void): boolean;
  isConnected(): boolean;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  on(event: 'exit', listener: (code: number | null, signal: string | null) => void): unknown;
}

/** What a pool is made of. */
export interface WorkerPoolOptions {
  readonly count: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: Counters;
  /** The keys of TLS session tickets that a new worker begins with. */
  readonly tickets: OwnSessionTickets;
  fork(environment: Readonly<Record<string, string>>): WorkerProcess;
}

/** A worker that runs. */
export interface PooledWorker {
  readonly index: number;
  readonly pid: number;
  readonly calls: Calls;
  /** Whether all workers see the same queue. */
  readonly isQueueShared: boolean;
}

/** See the file's comment. */
export interface WorkerPool {
  /** Resolves when all are ready; rejects with what the first that failed said. */
  start(): Promise<void>;
  /** Workers that are ready, by index. */
  ready(): readonly PooledWorker[];
  readonly listeners: readonly Readonly<Record<string, unknown>>[];
  /** Where the pages of a running command go, by its number. */
  readonly pages: Map<number, ControlCall>;
  /** Lets all end; those that have not after drain and grace are killed. */
  stop(drainMs: number, graceMs: number): void;
  /** Resolves when all have ended after `stop`. */
  readonly ended: Promise<void>;
}

interface Member {
  readonly index: number;
  readonly pid: number;
  readonly child: WorkerProcess;
  readonly calls: Calls;
  readonly startedAtMs: number;
  isReady: boolean;
  isQueueShared: boolean;
}

/** The environment variable by which a worker knows which one it is. */
export const workerVariable = 'POSTROAD_WORKER';
const restartDelayMsMin = 100;
const restartDelayMsMax = 30_000;
/** A worker that ran so long is taken for well: the next death is answered at once. */
const wellAfterMs = 60_000;
const entriesMax = 100_000;

/** A pool without workers yet. */
export function createWorkerPool(options: WorkerPoolOptions): WorkerPool {
  const { count, clock, log } = options;
  const members = new Map<number, Member>();
  const delays = new Map<number, number>();
  const pages = new Map<number, ControlCall>();
  let listeners: readonly Readonly<Record<string, unknown>>[] = [];
  let isStopping = false;
  let tellStarted: { resolve(): void; reject(error: Error): void } | undefined;
  let tellEnded: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    tellEnded = resolve;
  });

  const others = (but: number): Member[] => [...members.values()].filter((one) => one.pid !== but);

  function fork(index: number): void {
    const child = options.fork({ [workerVariable]: `${index}/${count}` });
    const pid = child.process.pid ?? 0;
    const wire = {
      send: (message: unknown) => {
        // A worker may end at the same moment: its `exit` is what counts.
        if (child.isConnected()) child.send(message, () => undefined);
      },
      onMessage: (listener: (message: unknown) => void) =>
        void child.on('message', (message) => {
          // What is heard after its end the others would count for a worker that nobody tells them of any more.
          if (members.get(index)?.pid === pid) listener(message);
        }),
    };
    const calls = createCalls(wire, handlersFor(index, pid));
    const member = { index, pid, child, calls, startedAtMs: clock.monotonic() };
    members.set(index, { ...member, isReady: false, isQueueShared: false });
    child.on('exit', (code, signal) => died(index, pid, code ?? signal));
    for (const one of others(pid)) one.calls.tell('joined', pid);
  }

  function handlersFor(index: number, pid: number) {
    const spread =
      (name: string) =>
      (...args: readonly unknown[]) => {
        for (const one of others(pid)) one.calls.tell(name, pid, ...args);
      };
    return {
      counters: (method: keyof Counters, ...args: never[]) => useCounters(options.counters, method, args),
      publish: (notice: unknown) => {
        for (const one of others(pid)) one.calls.tell('notice', notice);
      },
      metrics: spread('metrics'),
      connection: spread('connection'),
      connectionTo: (to: number, ...args: readonly unknown[]) => {
        for (const one of members.values()) if (one.pid === to) one.calls.tell('connection', pid, ...args);
      },
      tickets: () => options.tickets.state(),
      page: (call: number, page: unknown) => pages.get(call)?.page(page),
      failed: (message: string) => failed(new MailError('E_START', message)),
      ready: (facts: { listeners: typeof listeners; isQueueShared: boolean }) => {
        const member = members.get(index);
        if (member?.pid !== pid) return;
        member.isReady = true;
        member.isQueueShared = facts.isQueueShared;
        if (index === 0) listeners = facts.listeners;
        if (members.size === count && [...members.values()].every((one) => one.isReady)) {
          tellStarted?.resolve();
          tellStarted = undefined;
        }
      },
    };
  }

  function failed(error: MailError): void {
    tellStarted?.reject(error);
    tellStarted = undefined;
  }

  function died(index: number, pid: number, how: number | string | null): void {
    const member = members.get(index);
    if (member?.pid !== pid) return;
    members.delete(index);
    member.calls.end();
    for (const one of members.values()) one.calls.tell('gone', pid);
    failed(new MailError('E_START', `a worker ended while it started (${how})`));
    if (isStopping) {
      if (members.size === 0) tellEnded();
      return;
    }
    const isWell = clock.monotonic() - member.startedAtMs > wellAfterMs;
    const delayMs = isWell ? 0 : (delays.get(index) ?? 0);
    delays.set(index, Math.min(Math.max(2 * delayMs, restartDelayMsMin), restartDelayMsMax));
    log.error('a worker died and is replaced', { worker: index, pid, how, delayMs });
    clock.after(delayMs, () => {
      if (!isStopping) fork(index);
    });
  }

  return {
    start: () =>
      new Promise<void>((resolve, reject) => {
        tellStarted = { resolve, reject };
        for (let index = 0; index < count; index++) fork(index);
      }),
    ready: () => [...members.values()].filter((one) => one.isReady).sort((a, b) => a.index - b.index),
    get listeners() {
      return listeners;
    },
    pages,
    stop(drainMs, graceMs) {
      if (isStopping) return;
      isStopping = true;
      if (members.size === 0) tellEnded();
      for (const one of members.values()) {
        one.calls.tell('stop', { drainMs });
        // It serves nothing yet, and may not have come so far as to hear this.
        if (!one.isReady) one.child.process.kill('SIGTERM');
      }
      clock.after(drainMs + graceMs, () => {
        for (const one of members.values()) one.child.process.kill('SIGKILL');
      });
    },
    ended,
  };
}

async function useCounters(
  counters: Counters,
  method: keyof Counters,
  args: readonly never[],
): Promise<unknown> {
  if (method !== 'entries') {
    return await (counters[method] as (...given: readonly never[]) => unknown)(...args);
  }
  const entries: CounterEntry[] = [];
  for await (const entry of counters.entries(args[0] as unknown as string)) {
    if (entries.length >= entriesMax) break;
    entries.push(entry);
  }
  return entries;
}
