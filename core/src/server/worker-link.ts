/**
 * What a worker shares with the others through the first process: counters are kept there, notices, metrics and counts
 * of connections are passed on by it. When the first process is gone the worker has to end: nobody would replace it.
 */
import { isMailError, MailError } from '../errors.js';
import type { Changes, ChangesListener } from '../services/changes.js';
import type { CounterEntry, CounterRate, Counters, RateAnswer } from '../services/counters.js';
import type { ChangeNotice } from '../services/mailbox-store.js';
import type { MetricSample, Metrics } from '../services/metrics.js';
import type { TicketState } from '../services/session-tickets.js';
import type { Worker } from '../services/worker.js';
import { ConnectionCounts } from '../smtp/connection-counts.js';
import type { CountShare } from '../smtp/receiver.js';
import { type CallHandlers, type Calls, createCalls, type Wire } from './calls.js';

/** The worker's side. */
export interface WorkerLink extends Worker {
  readonly counters: Counters;
  readonly changes: Changes;
  /** The calls to the first process, for what else it has to know. */
  readonly calls: Calls;
  /** The keys of TLS session tickets of all workers. */
  readonly ticketState?: TicketState;
  /** Adds what answers the first process' calls. */
  answer(handlers: CallHandlers): void;
  /** A registry that tells of all workers together. */
  shareMetrics(own: Metrics): Metrics;
  /** The counts of a listener by the other workers. */
  countsOf(listener: string): CountShare;
}

/** Links this process to the first one. */
export function createWorkerLink(wire: Wire, of: Worker): WorkerLink {
  const listeners = new Set<ChangesListener>();
  const metrics = new Map<number, readonly MetricSample[]>();
  const counts = new Map<number, Map<string, ConnectionCounts>>();
  const own = new Map<string, Map<string, number>>();
  const handlers: Record<string, (...args: never[]) => unknown> = {
    notice(notice: ChangeNotice) {
      for (const listener of listeners) listener.notice(notice);
    },
    metrics: (from: number, samples: readonly MetricSample[]) => void metrics.set(from, samples),
    connection: (from: number, listener: string, address: string, by: number) =>
      count(counts, from, listener, address, by),
    joined(from: number) {
      // A new worker has to know what is open already.
      for (const [listener, addresses] of own) {
        for (const [address, by] of addresses) calls.tell('connectionTo', from, listener, address, by);
      }
    },
    gone(from: number) {
      counts.delete(from);
      retire(metrics, from);
    },
  };
  const calls = createCalls(wire, handlers);
  return {
    ...of,
    calls,
    counters: remoteCounters(calls),
    changes: {
      publish: (notice) => calls.tell('publish', notice),
      subscribe(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    answer: (more) => void Object.assign(handlers, more),
    shareMetrics: (registry) => sharedMetrics(registry, metrics),
    countsOf: (listener) => ({
      tell(address, by) {
        const addresses = own.get(listener) ?? new Map<string, number>();
        own.set(listener, addresses.set(address, (addresses.get(address) ?? 0) + by));
        if (addresses.get(address) === 0) addresses.delete(address);
        calls.tell('connection', listener, address, by);
      },
      others: othersOf(counts, listener),
    }),
  };
}

function count(
  counts: Map<number, Map<string, ConnectionCounts>>,
  from: number,
  listener: string,
  address: string,
  by: number,
): void {
  const byListener = counts.get(from) ?? new Map<string, ConnectionCounts>();
  counts.set(from, byListener);
  const known = byListener.get(listener) ?? new ConnectionCounts();
  byListener.set(listener, known);
  for (let left = by; left > 0; left--) known.add(address);
  for (let left = by; left < 0; left++) known.remove(address);
}

function othersOf(
  counts: ReadonlyMap<number, ReadonlyMap<string, ConnectionCounts>>,
  listener: string,
): CountShare['others'] {
  const sum = (of: (known: ConnectionCounts) => number): number => {
    let total = 0;
    for (const byListener of counts.values()) {
      const known = byListener.get(listener);
      if (known !== undefined) total += of(known);
    }
    return total;
  };
  return {
    get total() {
      return sum((known) => known.total);
    },
    of: (address) => sum((known) => known.of(address)),
    inNetwork: (network) => sum((known) => known.inNetwork(network)),
  };
}

/** Counters that the first process keeps. */
function remoteCounters(calls: Calls): Counters {
  const ask = async (method: string, ...args: readonly unknown[]): Promise<unknown> => {
    try {
      return await calls.call('counters', method, ...args);
    } catch (cause) {
      if (isMailError(cause, 'E_COUNTERS')) throw cause;
      throw new MailError('E_COUNTERS', 'the counters of the workers can not be reached', { cause });
    }
  };
  return {
    take: async (key: string, rate: CounterRate, units?: number) =>
      (await ask('take', key, rate, units)) as RateAnswer,
    add: async (key, amount, ttlMs) => (await ask('add', key, amount, ttlMs)) as number,
    get: async (key) => ((await ask('get', key)) ?? undefined) as string | undefined,
    set: async (key, value, ttlMs) => void (await ask('set', key, value, ttlMs)),
    setIfAbsent: async (key, value, ttlMs) => (await ask('setIfAbsent', key, value, ttlMs)) as string,
    delete: async (key) => (await ask('delete', key)) as boolean,
    async *entries(prefix) {
      yield* (await ask('entries', prefix)) as readonly CounterEntry[];
    },
  };
}

/** Counters never go back: what a dead worker counted stays, added to what those before it counted. */
function retire(metrics: Map<number, readonly MetricSample[]>, from: number): void {
  const counters = (metrics.get(from) ?? []).filter((sample) => sample.kind === 'counter');
  metrics.delete(from);
  metrics.set(retired, addAll([metrics.get(retired) ?? [], counters]));
}

/** Stands for all workers that are gone; processes have other numbers. */
const retired = -1;

/** What this worker counted, and what the others told of theirs. */
function sharedMetrics(own: Metrics, others: ReadonlyMap<number, readonly MetricSample[]>): Metrics {
  return {
    ...own,
    samples: () => addAll([own.samples(), ...others.values()]),
  };
}

/** Adds values of the same name and labels; gauges too, because each worker measures its own part. */
function addAll(lists: readonly (readonly MetricSample[])[]): readonly MetricSample[] {
  const all = new Map<string, MetricSample>();
  for (const samples of lists) {
    for (const sample of samples) {
      const key = `${sample.name}${JSON.stringify(sample.labels)}`;
      const known = all.get(key);
      all.set(key, known === undefined ? sample : { ...sample, value: known.value + sample.value });
    }
  }
  return [...all.values()];
}
