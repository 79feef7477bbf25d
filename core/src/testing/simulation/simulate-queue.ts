/**
 * One run of the queue from a seed: the real scheduler over a store, a virtual clock, a network of peers that do
 * everything peers do, and a process that dies at any write and starts again. The same seed is the same run.
 */
import { bodyFromBytes } from '../../body/inline-body.js';
import { isMailError } from '../../errors.js';
import type { QueueOptions } from '../../mta-options.js';
import type { Logger } from '../../services/logger.js';
import { createMetrics } from '../../services/metrics-registry.js';
import type { NewQueuedMessage, QueuedRecipient, QueueStore } from '../../services/queue-store.js';
import type { Random } from '../../services/random.js';
import { createScheduler, type Scheduler } from '../../stages/queue/scheduler.js';
import { schedulerOptions } from '../../stages/queue/scheduler-options.js';
import type { SchedulerPolicy } from '../../stages/queue/scheduler-policy.js';
import { reply } from '../../values/reply.js';
import { isAtRest } from '../at-rest.js';
import { sampleMessage } from '../sample-message.js';
import { createSeededRandom } from '../seeded-random.js';
import { createVirtualClock, type VirtualClock } from '../virtual-clock.js';
import { BrokenPromise, createLedger, type Ledger } from './ledger.js';
import { mortalClock } from './mortal-clock.js';
import { createPeers, type PeerKind, type Peers, peerKinds } from './peers.js';
import { lifetimeMs, randomMessage } from './random-message.js';
import { createStepLimit, type StepLimit, type StepLimits } from './step-limit.js';
import { createMemoryStorage, type Faults, type SimulatedProcess, type SimulatedStorage } from './storage.js';
import { createWitness, type Witness } from './witness.js';

/** What a run did. */
export interface SimulationResult {
  readonly seed: number;
  readonly counts: Ledger['counts'];
  /** Longest wait for the first try at a good peer. */
  readonly longestWaitMs: number;
  readonly hasFaults: boolean;
  /** Steps at one moment at the most, and in all; see `step-limit.ts`. */
  readonly steps: StepLimit['counts'];
}

/** How to run. */
export interface SimulationOptions {
  readonly seed: number;
  /** Where the queue is kept; in memory by default. */
  storage?(random: Random): SimulatedStorage;
  /** When a run is taken for one that never ends. */
  readonly limits?: StepLimits;
}

const minute = 60_000;
const startMs = 1_700_000_000_000;
/** RFC 5321 section 4.5.3.2.6: a server may take so long to answer the final dot, and may have the message by then. */
const tryMsMin = 10 * minute;
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

/** Runs the simulation; rejects with a `BrokenPromise` when the queue breaks one. */
export async function simulateQueue(options: SimulationOptions): Promise<SimulationResult> {
  const world = await createWorld(options);
  // Not waited for: the process may die before it has begun.
  void world.boot().catch(report(world));
  const arrivals = scheduleArrivals(world);
  // Everything ends by its lifetime; DSNs about that have one of their own.
  for (let at = 0; at < 3 * lifetimeMs && world.broken === undefined; at += 5 * minute) {
    await world.clock.advance(5 * minute);
    await world.steps.drain();
    if (at > 15 * minute && arrivals.left === 0 && (await isEmpty(world))) break;
  }
  if (world.broken !== undefined) throw world.broken;
  const left = await whatIsLeft(world);
  world.ledger.finish(left);
  if (left.length === 0 && world.scheduler !== undefined && !isAtRest(world.scheduler, schedulerOptions()))
    throw new BrokenPromise('the scheduler holds recipients that are in no queue');
  if (!world.hasFaults && world.isRoomy && world.peers.longestWaitMs > minute) {
    throw new BrokenPromise(`a good peer waited ${world.peers.longestWaitMs} ms for its first try`);
  }
  const { hasFaults, ledger, peers, steps } = world;
  const { longestWaitMs } = peers;
  return { seed: options.seed, counts: ledger.counts, longestWaitMs, hasFaults, steps: steps.counts };
}

async function isEmpty({ store }: World): Promise<boolean> {
  return store !== undefined && (await store.count()).recipients === 0;
}

/** All that is still there, read by a process that nothing happens to any more. */
async function whatIsLeft(world: World): Promise<readonly QueuedRecipient[]> {
  world.faults = { crash: 0, refusal: 0 };
  // Who is dead is started again within a minute; what is being recovered takes its time.
  for (let waits = 0; world.store === undefined && waits < 10; waits++) await world.clock.advance(minute);
  const page = world.store?.range({}, { limit: 100_000 });
  await world.clock.advance(minute);
  if (page === undefined) throw new BrokenPromise('the queue does not start any more');
  return (await page).recipients;
}

interface World {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly ledger: Ledger;
  readonly peers: Peers;
  readonly storage: SimulatedStorage;
  readonly witness: Witness;
  readonly steps: StepLimit;
  faults: Faults;
  readonly domains: readonly string[];
  readonly hasFaults: boolean;
  /** Nobody waits for a rate or for one of a handful of slots, all of which hanging peers may hold. */
  readonly isRoomy: boolean;
  broken: unknown;
  scheduler: Scheduler | undefined;
  store: QueueStore | undefined;
  boot(): Promise<void>;
}

async function createWorld(options: SimulationOptions): Promise<World> {
  const random = createSeededRandom(options.seed);
  const clock = createVirtualClock(startMs, 0);
  const ledger = createLedger();
  const between = (from: number, to: number): number => from + Math.floor(random.number() * (to - from + 1));
  const domains = ['sender.test', ...Array.from({ length: between(2, 7) }, (_, at) => `d${at}.test`)];
  const kinds = new Map<string, PeerKind>([['sender.test', 'good']]);
  for (const domain of domains.slice(1)) {
    kinds.set(domain, peerKinds[between(0, peerKinds.length - 1)] as PeerKind);
  }
  const ratePerMinute = random.number() < 0.5 ? between(2, 12) : undefined;
  const limits = {
    deliveriesMax: between(2, 40),
    deliveriesPerSiteMax: between(1, 8),
    tryMsMin,
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
    peers: createPeers({ kinds, clock, random, ledger, startMs, limits, promised: ledger.promised }),
    storage: options.storage?.(random) ?? createMemoryStorage(),
    witness: createWitness(ledger),
    steps: createStepLimit(clock, (error) => report(world)(error), options.limits),
    faults,
    domains,
    hasFaults,
    isRoomy: ratePerMinute === undefined && limits.deliveriesMax >= 8,
    broken: undefined,
    scheduler: undefined,
    store: undefined,
    boot: () =>
      boot(world, {
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
async function boot(world: World, options: QueueOptions): Promise<void> {
  const { clock, random, ledger, witness } = world;
  const owner = `run-${ledger.counts.crashes}`;
  const process = beginProcess(world, () => void boot(world, options).catch(report(world)));
  const opened = world.storage.open(process);
  try {
    await opened.start(owner, clock.now());
  } catch (error) {
    // It can't be written for now: the process ends, and whoever started it tries again.
    if (!isMailError(error)) throw error;
    process.die();
    return;
  }
  await witness.recovered(opened);
  const store = witness.watch(opened);
  const scheduler = createScheduler({
    store: world.steps.watch(reporting(store, world)),
    policy: policyOf(world, process.isAlive),
    clock: process.clock,
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

function beginProcess(world: World, startNext: () => void): SimulatedProcess {
  const { random, ledger } = world;
  let isAlive = true;
  const clock = mortalClock(world.clock, world.steps, () => isAlive);
  return {
    clock,
    random,
    isAlive: () => isAlive,
    fate() {
      const chance = random.number() * (world.storage.callsPerWrite ?? 1);
      if (chance < world.faults.crash) return 'death';
      return chance < world.faults.crash + world.faults.refusal ? 'refused' : 'done';
    },
    pause: () => clock.sleep(Math.floor(random.number() * 20)),
    die() {
      if (!isAlive) return;
      isAlive = false;
      world.scheduler = undefined;
      world.store = undefined;
      ledger.crashed();
      world.peers.cut();
      world.storage.died();
      world.clock.after(Math.floor(random.number() * minute), startNext);
    },
  };
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
      if (!world.steps.step()) return new Promise(() => {});
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
      void handIn(world, randomMessage(`m${number}`, world)).catch(report(world));
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

function report(world: World): (error: unknown) => void {
  return (error) => {
    world.broken ??= error;
  };
}
