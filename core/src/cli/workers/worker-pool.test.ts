/** The first process and its workers, each with a wire between them, without processes. */
import { describe, expect, it } from 'vitest';
import { createMemoryCounters } from '../../memory/counters-memory.js';
import { createWorkerLink, type WorkerLink } from '../../server/worker-link.js';
import type { ChangeNotice } from '../../services/mailbox-store.js';
import type { MetricSample } from '../../services/metrics.js';
import { createSessionTickets } from '../../services/session-tickets.js';
import { createSeededRandom } from '../../testing/seeded-random.js';
import { createVirtualClock } from '../../testing/virtual-clock.js';
import { createWorkerPool, type WorkerPool, type WorkerProcess } from './worker-pool.js';

type Hear = (message: unknown) => void;

/** A worker's process as the pool sees it, and the link of the worker in it. */
interface FakeWorker extends WorkerProcess {
  readonly link: WorkerLink;
  readonly pid: number;
  readonly index: number;
  readonly signals: string[];
  readonly stops: unknown[];
  ready(listeners?: readonly object[], isQueueShared?: boolean): void;
  /** Ends; `late` is what it had said that is only heard after its end. */
  end(code?: number, late?: () => void): void;
}

const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };

function openPool(count: number) {
  const clock = createVirtualClock();
  const workers: FakeWorker[] = [];
  const pool: WorkerPool = createWorkerPool({
    count,
    clock,
    log,
    counters: createMemoryCounters({ clock }),
    tickets: createSessionTickets(clock, createSeededRandom(1)),
    fork(environment) {
      const worker = fakeWorker(100 + workers.length, environment.POSTROAD_WORKER ?? '');
      workers.push(worker);
      return worker;
    },
  });
  const at = (place: number): FakeWorker => workers[place] as FakeWorker;
  return { clock, pool, workers, at };
}

function fakeWorker(pid: number, which: string): FakeWorker {
  const toFirst: Hear[] = [];
  const toWorker: Hear[] = [];
  const exits: ((code: number | null, signal: string | null) => void)[] = [];
  const signals: string[] = [];
  const stops: unknown[] = [];
  let isThere = true;
  let held: unknown[] | undefined;
  const wire = {
    send(message: unknown): void {
      if (held !== undefined) held.push(message);
      else for (const hear of toFirst) hear(structuredClone(message));
    },
    onMessage: (hear: Hear) => void toWorker.push(hear),
  };
  const [index = 0, count = 0] = which.split('/').map(Number);
  const link = createWorkerLink(wire, { index, count });
  link.answer({ stop: (how: unknown) => void stops.push(how) });
  return {
    link,
    pid,
    index,
    signals,
    stops,
    process: { pid, kill: (signal) => signals.push(signal) > 0 },
    send(message, sent) {
      for (const hear of toWorker) hear(structuredClone(message));
      sent();
      return true;
    },
    isConnected: () => isThere,
    on(event: string, listener: never) {
      if (event === 'message') toFirst.push(listener);
      else exits.push(listener);
    },
    ready: (listeners = [], isQueueShared = false) => link.calls.tell('ready', { listeners, isQueueShared }),
    end(code = 1, late = () => undefined) {
      held = [];
      late();
      const after = held;
      held = undefined;
      isThere = false;
      for (const exit of exits) exit(code, null);
      for (const message of after) for (const hear of toFirst) hear(message);
    },
  };
}

const sample = (name: string, kind: MetricSample['kind'], value: number): MetricSample => ({
  name,
  help: '',
  kind,
  labels: {},
  value,
});
const registryOf = (samples: readonly MetricSample[]) => ({
  counter: () => ({ increase: () => undefined }),
  gauge: () => ({ set: () => undefined, add: () => undefined }),
  samples: () => samples,
});

describe('a pool of workers', () => {
  it('has started when all are ready, and fails with what the first of them says', async () => {
    const { pool, at, workers } = openPool(2);
    const started = pool.start();
    expect(workers.map(({ index, link }) => [index, link.count])).toEqual([
      [0, 2],
      [1, 2],
    ]);
    at(1).ready([{ port: 26 }]);
    at(0).ready([{ port: 25 }], true);
    await started;
    expect(pool.listeners).toEqual([{ port: 25 }]);
    expect(pool.ready().map((one) => [one.index, one.isQueueShared])).toEqual([
      [0, true],
      [1, false],
    ]);
    const broken = openPool(2);
    const failing = broken.pool.start();
    broken.at(1).link.calls.tell('failed', 'no such directory');
    broken.at(1).end();
    await expect(failing).rejects.toMatchObject({ code: 'E_START', message: 'no such directory' });
    const dying = openPool(1);
    const dies = dying.pool.start();
    dying.at(0).end(139);
    await expect(dies).rejects.toMatchObject({ code: 'E_START', message: expect.stringContaining('139') });
  });

  it('counts for all, and says so when the first process can not be asked', async () => {
    const { pool, at } = openPool(2);
    void pool.start();
    const rate = { units: 1, perMs: 3_600_000 };
    expect(await at(0).link.counters.take('x', rate)).toMatchObject({ isAllowed: true });
    expect(await at(1).link.counters.take('x', rate)).toMatchObject({ isAllowed: false });
    await at(0).link.counters.set('word', 'a', 60_000);
    expect(await at(1).link.counters.get('word')).toBe('a');
    expect(await at(1).link.counters.get('other')).toBeUndefined();
    expect(await at(1).link.counters.setIfAbsent('word', 'b', 60_000)).toBe('a');
    expect(await at(1).link.counters.add('n', 2, 60_000)).toBe(2);
    const found: string[] = [];
    for await (const { key } of at(0).link.counters.entries('w')) found.push(key);
    expect(found).toEqual(['word']);
    expect(await at(0).link.counters.delete('word')).toBe(true);
    const asked = Promise.resolve(at(0).link.counters.get('word'));
    at(0).link.calls.end();
    await expect(asked).rejects.toMatchObject({ code: 'E_COUNTERS' });
  });

  it('tells notices to the others, and to nobody of whom it came', () => {
    const { pool, workers, at } = openPool(3);
    void pool.start();
    const heard: [number, ChangeNotice][] = [];
    for (const { index, link } of workers)
      link.changes.subscribe({ notice: (notice) => heard.push([index, notice]), gap: () => undefined });
    const notice = { accountId: 'alice', mailboxId: 'F1' };
    at(1).link.changes.publish(notice);
    expect(heard).toEqual([
      [0, notice],
      [2, notice],
    ]);
  });

  it('counts connections of all, also for a worker that comes later, and forgets those of a dead one', async () => {
    const { pool, at, clock, workers } = openPool(2);
    void pool.start();
    for (const one of workers) one.ready();
    const [a, b] = [at(0).link.countsOf('relay'), at(1).link.countsOf('relay')];
    for (const by of [1, 1, 1, -1] as const) a.tell('192.0.2.1', by);
    expect([b.others.total, b.others.of('192.0.2.1'), a.others.total]).toEqual([2, 2, 0]);
    expect(at(1).link.countsOf('other').others.total).toBe(0);
    b.tell('192.0.2.1', 1);
    // What it said last is heard after its end: nobody would ever take that back.
    at(1).end(9, () => b.tell('192.0.2.1', 1));
    expect(a.others.total).toBe(0);
    await clock.advance(0);
    const { others } = at(2).link.countsOf('relay');
    expect([at(2).index, others.of('192.0.2.1'), others.total]).toEqual([1, 2, 2]);
  });

  it('adds metrics up, and keeps what a dead worker had counted, but not what it measured', async () => {
    const { pool, at, clock, workers } = openPool(2);
    void pool.start();
    for (const one of workers) one.ready();
    const shared = at(0).link.shareMetrics(
      registryOf([sample('mails', 'counter', 1), sample('open', 'gauge', 1)]),
    );
    const values = () => shared.samples().map(({ name, value }) => [name, value]);
    const tell = (of: FakeWorker, mails: number, open: number) =>
      of.link.calls.tell('metrics', [sample('mails', 'counter', mails), sample('open', 'gauge', open)]);
    tell(at(1), 10, 5);
    expect(values()).toEqual([
      ['mails', 11],
      ['open', 6],
    ]);
    at(1).end(9, () => tell(at(1), 11, 5));
    expect(values()).toEqual([
      ['mails', 11],
      ['open', 1],
    ]);
    await clock.advance(0);
    tell(at(2), 100, 2);
    expect(values()).toEqual([
      ['mails', 111],
      ['open', 3],
    ]);
  });

  it('replaces a worker that dies by one of its index, and waits longer each time it dies soon', async () => {
    const { pool, workers, clock } = openPool(2);
    void pool.start();
    for (const one of workers) one.ready();
    const last = (): FakeWorker => workers.at(-1) as FakeWorker;
    const forks: number[] = [];
    for (const delayMs of [0, 100, 200, 400]) {
      last().end();
      if (delayMs > 0) await clock.advance(delayMs - 1);
      forks.push(workers.length);
      await clock.advance(1);
      forks.push(workers.length);
      expect(last().index).toBe(1);
    }
    expect(forks.filter((_, at) => at > 1)).toEqual([3, 4, 4, 5, 5, 6]);
    expect(pool.ready().map((one) => one.index)).toEqual([0]);
    last().ready();
    expect(pool.ready().map((one) => one.index)).toEqual([0, 1]);
    // One that has run for long is replaced at once.
    await clock.advance(60_001);
    last().end();
    await clock.advance(0);
    expect(workers).toHaveLength(7);
  });

  it('lets all end, kills those that do not, and replaces none of them', async () => {
    const { pool, at, workers, clock } = openPool(3);
    void pool.start();
    for (const one of workers) one.ready();
    let isOver = false;
    void pool.ended.then(() => {
      isOver = true;
    });
    pool.stop(1_000, 500);
    pool.stop(0, 0);
    expect(workers.map((one) => one.stops)).toEqual(Array.from({ length: 3 }, () => [{ drainMs: 1_000 }]));
    at(0).end(0);
    await clock.advance(1_499);
    expect(workers.map((one) => one.signals)).toEqual([[], [], []]);
    await clock.advance(1);
    expect(workers.map((one) => one.signals)).toEqual([[], ['SIGKILL'], ['SIGKILL']]);
    at(1).end();
    await clock.advance(60_000);
    expect([workers.length, isOver]).toEqual([3, false]);
    at(2).end();
    await clock.advance(0);
    expect([workers.length, isOver]).toEqual([3, true]);
  });

  it('ends at once a worker that has not come so far as to hear that it should stop', async () => {
    const { pool, at, workers, clock } = openPool(2);
    const started = pool.start();
    at(0).ready();
    at(1).link.calls.tell('failed', 'no');
    at(1).end();
    await expect(started).rejects.toMatchObject({ code: 'E_START' });
    await clock.advance(0);
    pool.stop(0, 15_000);
    expect(workers.map((one) => one.signals)).toEqual([[], [], ['SIGTERM']]);
    expect(at(0).stops).toHaveLength(1);
  });
});
