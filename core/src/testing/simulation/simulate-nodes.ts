/**
 * Many nodes on one queue, from a seed: the real scheduler in each, with clocks that differ, processes that are killed,
 * stand still or say goodbye, and links to the database that are cut. The same seed is the same run.
 */
import { bodyFromBytes } from '../../body/inline-body.js';
import type { Logger } from '../../services/logger.js';
import { createMetrics } from '../../services/metrics-registry.js';
import type { Random } from '../../services/random.js';
import { createScheduler } from '../../stages/queue/scheduler.js';
import { schedulerOptions } from '../../stages/queue/scheduler-options.js';
import type { SchedulerPolicy } from '../../stages/queue/scheduler-policy.js';
import { sampleMessage } from '../sample-message.js';
import { createSeededRandom } from '../seeded-random.js';
import { createVirtualClock, type VirtualClock } from '../virtual-clock.js';
import { BrokenPromise } from './ledger.js';
import { createNodeLedger, type NodeLedger } from './node-ledger.js';
import { openNodeStore } from './node-store.js';
import { createPeers, type PeerKind, type Peers } from './peers.js';
import { SharedQueue } from './shared-queue.js';
import { type SimulatedNode as Node, nodeClock } from './simulated-node.js';

/** What a run did. */
export interface NodesSimulationResult {
  readonly seed: number;
  readonly nodes: number;
  readonly counts: NodeLedger['counts'];
  /** What befell the nodes, by kind. */
  readonly troubles: Readonly<Record<Trouble, number>>;
}

const troubles = ['killed', 'paused', 'cut', 'goodbye', 'jump'] as const;
type Trouble = (typeof troubles)[number];

const second = 1_000;
const minute = 60_000;
const startMs = 1_700_000_000_000;
const lifetimeMs = 60 * minute;
const nodeTimeoutMs = minute;
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const kinds: readonly PeerKind[] = [
  'good',
  'slow',
  'refusing',
  'greylisting',
  'rising',
  'flaky',
  'throwing',
  'silent',
];

interface World {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly ledger: NodeLedger;
  readonly peers: Peers;
  readonly queue: SharedQueue;
  readonly domains: readonly string[];
  readonly counts: Record<Trouble, number>;
  broken: unknown;
}

/** Runs the simulation; rejects with a `BrokenPromise` when the queue breaks one. */
export async function simulateNodes({ seed }: { readonly seed: number }): Promise<NodesSimulationResult> {
  const world = createWorld(seed);
  const { clock, random, ledger } = world;
  const nodes = Array.from({ length: 2 + Math.floor(random.number() * 4) }, (_, at) =>
    createNode(world, `n${at}`),
  );
  for (const node of nodes) void boot(world, node).catch(report(world));
  const arrivals = scheduleArrivals(world, nodes);
  // Some runs have none: then nothing may be done twice at all.
  const number = random.number() < 0.2 ? 0 : 1 + Math.floor(random.number() * 12);
  for (let at = 0; at < number; at++) {
    const node = nodes[Math.floor(random.number() * nodes.length)] as Node;
    clock.after(random.number() * 30 * minute, () => trouble(world, node));
  }
  for (let at = 0; at < 4 * lifetimeMs && world.broken === undefined; at += 5 * minute) {
    await clock.advance(5 * minute);
    if (at > 40 * minute && arrivals.left === 0 && ledger.isDone) break;
  }
  if (world.broken !== undefined) throw world.broken;
  ledger.finish(world.queue.recipients());
  return { seed, nodes: nodes.length, counts: ledger.counts, troubles: world.counts };
}

function createWorld(seed: number): World {
  const random = createSeededRandom(seed);
  const clock = createVirtualClock(startMs, 0);
  const ledger = createNodeLedger();
  const domains = [
    'sender.test',
    ...Array.from({ length: 2 + Math.floor(random.number() * 4) }, (_, at) => `d${at}.test`),
  ];
  const kindOf = new Map<string, PeerKind>([['sender.test', 'good']]);
  for (const domain of domains.slice(1)) {
    kindOf.set(domain, kinds[Math.floor(random.number() * kinds.length)] as PeerKind);
  }
  const limits = { deliveriesMax: Number.MAX_SAFE_INTEGER, deliveriesPerSiteMax: Number.MAX_SAFE_INTEGER };
  return {
    clock,
    random,
    ledger,
    peers: createPeers({ kinds: kindOf, clock, random, ledger, startMs, limits }),
    queue: new SharedQueue(() => clock.now()),
    domains,
    counts: { killed: 0, paused: 0, cut: 0, goodbye: 0, jump: 0 },
    broken: undefined,
  };
}

function createNode({ random }: World, name: string): Node {
  // Minutes: much more than a machine that asks for the time is ever wrong.
  const skewMs = Math.floor((random.number() - 0.5) * 6 * minute);
  const state = { runs: 0, isAlive: false, isPaused: false, isCut: false };
  return { name, skewMs, scheduler: undefined, store: undefined, held: [], ...state };
}

/** Starts a process for the node. */
async function boot(world: World, node: Node): Promise<void> {
  const { random, ledger, queue } = world;
  const run = ++node.runs;
  const owner = `${node.name}-${run}`;
  const isAlive = (): boolean => node.isAlive && node.runs === run;
  node.isAlive = true;
  node.isPaused = false;
  node.isCut = false;
  const clock = nodeClock(world.clock, node, isAlive);
  const store = openNodeStore({
    queue,
    clock,
    random,
    ledger,
    name: node.name,
    nodeTimeoutMs,
    isCut: () => node.isCut,
    isAlive,
  });
  const scheduler = createScheduler({
    store,
    policy: policyOf(world, node, isAlive, owner),
    clock,
    random,
    options: schedulerOptions({
      deliveriesMax: 20,
      deliveriesPerSiteMax: 4,
      retryDelaysMs: [minute, 2 * minute, 5 * minute, 10 * minute],
      lifetimeMs,
      delayWarningMs: 2 * lifetimeMs,
      leaseMs: 30 * minute,
    }),
    log: silent,
    metrics: createMetrics(),
    owner,
  });
  await scheduler.start();
  if (!isAlive()) return;
  node.scheduler = scheduler;
  node.store = store;
}

function policyOf(world: World, node: Node, isAlive: () => boolean, owner: string): SchedulerPolicy {
  const { random, ledger, clock } = world;
  return {
    route: (_message, recipient) => ({ transport: 'mx', domain: recipient.address.domain }),
    async deliver(request, signal) {
      ledger.begun(request.recipients);
      try {
        // Whatever befell the node: it begins nothing that others may have.
        for (const one of request.recipients) {
          if (!world.queue.isLeasedBy(one, owner))
            throw new BrokenPromise(
              `${node.name} began ${one.messageId}/${one.index}, which it does not hold`,
            );
        }
        // The peer does not stand still when we do; we hear of its answer later.
        return await world.peers.deliver(request, signal, isAlive);
      } catch (error) {
        if (error instanceof BrokenPromise) world.broken ??= error;
        throw error;
      } finally {
        await new Promise<void>((resolve) => {
          if (node.isPaused) node.held.push(resolve);
          else resolve();
        });
      }
    },
    retry: () => undefined,
    async notify(kind, subject) {
      const to = subject.message.reversePath;
      const dsn = sampleMessage(`dsn-${random.id()}`, [{ to: `${to?.localPart}@${to?.domain}` }], {
        reversePath: null,
        receivedAtMs: clock.now() + node.skewMs,
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

/** Something befalls a node. */
function trouble(world: World, node: Node): void {
  const { random, clock, counts, ledger } = world;
  if (!node.isAlive || node.scheduler === undefined) return;
  const kind = troubles[Math.floor(random.number() * troubles.length)] as Trouble;
  counts[kind]++;
  const again = (): void => void boot(world, node).catch(report(world));
  const lastsMs = 5 * second + random.number() * 4 * minute;
  switch (kind) {
    case 'killed':
      node.isAlive = false;
      node.scheduler = undefined;
      ledger.crashed();
      clock.after(lastsMs, again);
      return;
    case 'paused':
      node.isPaused = true;
      clock.after(lastsMs, () => {
        node.isPaused = false;
        for (const run of node.held.splice(0)) run();
      });
      return;
    case 'cut':
      node.isCut = true;
      clock.after(lastsMs, () => {
        node.isCut = false;
      });
      return;
    case 'jump':
      node.skewMs += Math.floor((random.number() - 0.5) * 4 * minute);
      return;
    case 'goodbye':
      void goodbye(world, node).then(again, report(world));
  }
}

/** A rolling upgrade: the node ends as it should, and another takes its place. */
async function goodbye({ ledger }: World, node: Node): Promise<void> {
  const { scheduler, store } = node;
  node.scheduler = undefined;
  await scheduler?.drain(30 * second);
  await store?.close();
  // What was under way longer than that may be done a second time.
  ledger.crashed();
  node.isAlive = false;
}

/** Clients that hand messages in during the first half hour. */
function scheduleArrivals(world: World, nodes: readonly Node[]): { readonly left: number } {
  const { random, clock } = world;
  const arrivals = { left: 8 + Math.floor(random.number() * 30) };
  for (let number = arrivals.left; number > 0; number--) {
    clock.after(random.number() * 30 * minute, () => {
      arrivals.left--;
      const node = nodes[Math.floor(random.number() * nodes.length)] as Node;
      void handIn(world, node, `m${number}`).catch(report(world));
    });
  }
  return arrivals;
}

async function handIn(world: World, node: Node, id: string): Promise<void> {
  const { scheduler, store, runs } = node;
  const { random, domains, clock, ledger } = world;
  if (scheduler === undefined || store === undefined || node.isPaused) return;
  const to = Array.from({ length: 1 + Math.floor(random.number() * 4) }, (_, at) => ({
    to: `user${at}@${domains[Math.floor(random.number() * domains.length)]}`,
  }));
  const message = sampleMessage(id, to, {
    receivedAtMs: clock.now() + node.skewMs,
    expiresAtMs: clock.now() + lifetimeMs,
    reversePath: random.number() < 0.15 ? null : { localPart: 'alice', domain: 'sender.test' },
  });
  try {
    const recipients = await store.put(message, scheduler.lease(message.recipients.length));
    if (node.runs !== runs || !node.isAlive) return;
    ledger.acknowledged(message);
    scheduler.accept(message, recipients);
  } catch (error) {
    // The client gets a 4yz: nothing was promised, although the message may be there.
    if (error instanceof BrokenPromise) throw error;
  }
}

function report(world: World): (error: unknown) => void {
  return (error) => {
    world.broken ??= error;
  };
}
