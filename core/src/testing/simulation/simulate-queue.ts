/**
 * One run of the queue from a seed: the real scheduler over a store, a virtual clock, a network of peers that do
 * everything peers do, and a process that dies at any write and starts again. The same seed is the same run.
 */
import { bodyFromBytes } from '../../body/inline-body.js';
import { createMemoryQueueStore } from '../../memory/memory-queue-store.js';
import type { QueueOptions } from '../../mta-options.js';
import type { Clock } from '../../services/clock.js';
import type { Logger } from '../../services/logger.js';
import { createMetrics } from '../../services/metrics-registry.js';
import type { NewQueuedMessage, QueueStore } from '../../services/queue-store.js';
import type { Random } from '../../services/random.js';
import { createScheduler, type Scheduler } from '../../stages/queue/scheduler.js';
import { schedulerOptions } from '../../stages/queue/scheduler-options.js';
import type { SchedulerPolicy } from '../../stages/queue/scheduler-policy.js';
import { defaultEnvelopeParameters, type Notify } from '../../values/envelope.js';
import { reply } from '../../values/reply.js';
import { sampleMessage } from '../sample-message.js';
import { createSeededRandom } from '../seeded-random.js';
import { createVirtualClock, type VirtualClock } from '../virtual-clock.js';
import { createCrashingStore, type Faults } from './crashing-store.js';
import { BrokenPromise, createLedger, type Ledger } from './ledger.js';
import { createPeers, type PeerKind, type Peers, peerKinds } from './peers.js';

/** What a run did. */
export interface SimulationResult {
  readonly seed: number;
  readonly counts: Ledger['counts'];
  /** Longest wait for the first try at a good peer. */
  readonly longestWaitMs: number;
  readonly hasFaults: boolean;
}

/** How to run. */
export interface SimulationOptions {
  readonly seed: number;
  /** The disk; in memory by default. Closed at the end. */
  openStore?(): Promise<QueueStore>;
}

const minute = 60_000;
const startMs = 1_700_000_000_000;
const lifetimeMs = 60 * minute;
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

/** Runs the simulation; rejects with a `BrokenPromise` when the queue breaks one. */
export async function simulateQueue(options: SimulationOptions): Promise<SimulationResult> {
  const world = await createWorld(options);
  await world.boot();
  const arrivals = scheduleArrivals(world);
  // Everything ends by its lifetime; DSNs about that have one of their own.
  for (let at = 0; at < 3 * lifetimeMs && world.broken === undefined; at += 5 * minute) {
    await world.clock.advance(5 * minute);
    if (at > 15 * minute && arrivals.left === 0 && (await world.disk.count()).recipients === 0) break;
  }
  if (world.broken !== undefined) throw world.broken;
  const left = await world.disk.range({}, { limit: 100_000 });
  world.ledger.finish(left.recipients);
  await world.disk.close();
  if (!world.hasFaults && !world.isRated && world.peers.longestWaitMs > minute) {
    throw new BrokenPromise(`a good peer waited ${world.peers.longestWaitMs} ms for its first try`);
  }
  const { counts } = world.ledger;
  return { seed: options.seed, counts, longestWaitMs: world.peers.longestWaitMs, hasFaults: world.hasFaults };
}

interface World {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly ledger: Ledger;
  readonly peers: Peers;
  readonly disk: QueueStore;
  readonly domains: readonly string[];
  readonly hasFaults: boolean;
  readonly isRated: boolean;
  broken: unknown;
  scheduler: Scheduler | undefined;
  store: QueueStore | undefined;
  boot(): Promise<void>;
}

async function createWorld(options: SimulationOptions): Promise<World> {
  const random = createSeededRandom(options.seed);
  const clock = createVirtualClock(startMs, options.openStore === undefined ? 0 : 4);
  const ledger = createLedger();
  const between = (from: number, to: number): number => from + Math.floor(random.number() * (to - from + 1));
  const domains = ['sender.test', ...Array.from({ length: between(2, 7) }, (_, at) => `d${at}.test`)];
  const kinds = new Map<string, PeerKind>([['sender.test', 'good']]);
  for (const domain of domains.slice(1)) {
    kinds.set(domain, peerKinds[between(0, peerKinds.length - 1)] as PeerKind);
  }
  const ratePerMinute = random.number() < 0.5 ? between(2, 12) : undefined;
  const limits = {
    deliveriesMax: between(8, 40),
    deliveriesPerSiteMax: between(1, 8),
    ...(ratePerMinute === undefined ? {} : { ratePerMinute }),
  };
  const hasFaults = random.number() < 0.7;
  const faults: Faults = hasFaults
    ? { crash: random.number() * 0.03, refusal: random.number() < 0.5 ? random.number() * 0.2 : 0 }
    : { crash: 0, refusal: 0 };
  const world: World = {
    clock,
    random,
    ledger,
    peers: createPeers({ kinds, clock, random, ledger, startMs, limits }),
    disk: (await options.openStore?.()) ?? createMemoryQueueStore(),
    domains,
    hasFaults,
    isRated: ratePerMinute !== undefined,
    broken: undefined,
    scheduler: undefined,
    store: undefined,
    boot: () =>
      boot(world, faults, {
        deliveriesMax: limits.deliveriesMax,
        deliveriesPerSiteMax: limits.deliveriesPerSiteMax,
        retryDelaysMs: [minute, 2 * minute, 5 * minute, 10 * minute],
        limits:
          ratePerMinute === undefined
            ? []
            : [{ per: ['tenant'], messages: { count: ratePerMinute, perMs: minute } }],
      }),
  };
  return world;
}

/** Starts a process; when it dies, the next one starts a while later. */
async function boot(world: World, faults: Faults, options: QueueOptions): Promise<void> {
  const { clock, random, ledger } = world;
  let isAlive = true;
  const owner = `run-${ledger.counts.crashes}`;
  const store = createCrashingStore({
    disk: world.disk,
    clock,
    random,
    ledger,
    faults,
    isAlive: () => isAlive,
    die() {
      if (!isAlive) return;
      isAlive = false;
      world.scheduler = undefined;
      ledger.crashed();
      world.peers.cut();
      clock.after(
        Math.floor(random.number() * minute),
        () => void boot(world, faults, options).catch(report(world)),
      );
    },
  });
  const scheduler = createScheduler({
    store: reporting(store, world),
    policy: policyOf(world, () => isAlive),
    clock: mortal(clock, () => isAlive),
    random,
    options: schedulerOptions({ ...options, lifetimeMs, delayWarningMs: 20 * minute, leaseMs: 30 * minute }),
    log: silent,
    metrics: createMetrics(),
    owner,
  });
  await scheduler.start();
  world.scheduler = scheduler;
  world.store = store;
}

/** What the scheduler would survive must not hide a broken promise. */
function reporting(store: QueueStore, world: World): QueueStore {
  return {
    ...store,
    settle: (...args) =>
      store.settle(...args).catch((error: unknown) => {
        if (error instanceof BrokenPromise) world.broken ??= error;
        throw error;
      }),
  };
}

function policyOf(world: World, isAlive: () => boolean): SchedulerPolicy {
  const { random, ledger, clock } = world;
  return {
    route(_message, recipient) {
      const domain = recipient.address.domain;
      if (random.number() < 0.01) return { verdict: 'defer', reply: reply(451, '4.3', 'no route for now') };
      return { transport: 'mx', domain };
    },
    async deliver(request, signal) {
      try {
        return await world.peers.deliver(request, signal, isAlive);
      } catch (error) {
        if (error instanceof BrokenPromise) world.broken ??= error;
        throw error;
      }
    },
    retry: () => undefined,
    async notify(kind, subject) {
      const to = subject.message.reversePath;
      const dsn = sampleMessage(`dsn-${random.id()}`, [{ to: `${to?.localPart}@${to?.domain}` }], {
        reversePath: null,
        receivedAtMs: clock.now(),
        expiresAtMs: clock.now() + lifetimeMs,
        body: bodyFromBytes(Buffer.from('Subject: dsn\r\n\r\n')),
      });
      ledger.dsnMade(dsn, kind, subject);
      return dsn;
    },
    attempted() {},
    settled() {},
  };
}

/** Clients that hand messages in during the first quarter of an hour. */
function scheduleArrivals(world: World): { readonly left: number } {
  const { random, clock } = world;
  const arrivals = { left: 5 + Math.floor(random.number() * 25) };
  for (let number = arrivals.left; number > 0; number--) {
    clock.after(Math.floor(random.number() * 15 * minute), () => {
      arrivals.left--;
      void handIn(world, randomMessage(world, `m${number}`)).catch(report(world));
    });
  }
  return arrivals;
}

async function handIn(world: World, message: NewQueuedMessage): Promise<void> {
  const { scheduler, store } = world;
  if (scheduler === undefined || store === undefined) return;
  try {
    const recipients = await store.put(message, scheduler.lease(message.recipients.length));
    world.ledger.acknowledged(message);
    scheduler.accept(message, recipients);
  } catch (error) {
    // The client gets a 4yz: nothing was promised.
    if (error instanceof BrokenPromise) throw error;
  }
}

function randomMessage(world: World, id: string): NewQueuedMessage {
  const { random, domains, clock } = world;
  const notifies: readonly (Notify | undefined)[] = [undefined, undefined, 'never', ['success'], ['failure']];
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random.number() * list.length)] as T;
  const recipients = Array.from({ length: 1 + Math.floor(random.number() * 5) }, (_, at) => {
    const notify = pick(notifies);
    const wait = random.number() < 0.1 ? { dueAtMs: clock.now() + 10 * minute } : {};
    const name = 'dueAtMs' in wait ? 'later' : 'user';
    return { to: `${name}${at}@${pick(domains)}`, ...(notify === undefined ? {} : { notify }), ...wait };
  });
  const tenant = pick(['', 'eve', 'bob', 'shop']);
  const deliverBy =
    random.number() < 0.15
      ? {
          atMs: clock.now() + Math.floor((2 + random.number() * 30) * minute),
          mode: random.number() < 0.5 ? ('return' as const) : ('notify' as const),
          trace: false,
        }
      : undefined;
  const { origin } = sampleMessage('x', []);
  return sampleMessage(id, recipients, {
    ...(tenant === '' ? {} : { origin: { ...origin, accountId: tenant } }),
    parameters: {
      ...defaultEnvelopeParameters,
      priority: Math.floor(random.number() * 5) - 2,
      ...(deliverBy === undefined ? {} : { deliverBy }),
    },
    receivedAtMs: clock.now(),
    expiresAtMs: clock.now() + lifetimeMs,
    reversePath: random.number() < 0.15 ? null : { localPart: 'alice', domain: 'sender.test' },
  });
}

/** A clock whose timers do not outlive their process. */
function mortal(clock: Clock, isAlive: () => boolean): Clock {
  return {
    ...clock,
    after: (delayMs, run) =>
      clock.after(delayMs, () => {
        if (isAlive()) run();
      }),
    sleep: (delayMs, signal) =>
      clock.sleep(delayMs, signal).then(() => (isAlive() ? undefined : new Promise<void>(() => {}))),
  };
}

function report(world: World): (error: unknown) => void {
  return (error) => {
    world.broken ??= error;
  };
}
