/**
 * Many nodes on one queue, from a seed: the real scheduler in each, with clocks that differ, processes that are killed,
 * stand still or say goodbye, and links to the database that are cut. The same seed is the same run.
 */
import { bodyFromBytes } from '../../body/inline-body.js';
import type { Logger } from '../../services/logger.js';
import { createMetrics } from '../../services/metrics-registry.js';
import { createScheduler } from '../../stages/queue/scheduler.js';
import { schedulerOptions } from '../../stages/queue/scheduler-options.js';
import type { SchedulerPolicy } from '../../stages/queue/scheduler-policy.js';
import { sampleMessage } from '../sample-message.js';
import { BrokenPromise } from './ledger.js';
import type { NodeLedger } from './node-ledger.js';
import { openNodeStore } from './node-store.js';
import { createWorld, type NodesSimulationOptions, type Trouble, type World } from './nodes-world.js';
import { type SimulatedNode as Node, nodeClock } from './simulated-node.js';

/** What a run did. */
export interface NodesSimulationResult {
  readonly seed: number;
  readonly nodes: number;
  readonly counts: NodeLedger['counts'];
  /** What befell the nodes, by kind. */
  readonly troubles: Readonly<Record<Trouble, number>>;
}

const second = 1_000;
const minute = 60_000;
/** How long a trouble lasts: nodes are declared gone after less than the longest. */
const shortest = 5 * second;
const longest = 4 * minute;
const lifetimeMs = 60 * minute;
const nodeTimeoutMs = minute;
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
/** Runs the simulation; rejects with a `BrokenPromise` when the queue breaks one. */
export async function simulateNodes(options: NodesSimulationOptions): Promise<NodesSimulationResult> {
  const { seed } = options;
  const world = createWorld(options);
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

function createNode({ random }: World, name: string): Node {
  // Minutes: much more than a machine that asks for the time is ever wrong.
  const skewMs = Math.floor((random.number() - 0.5) * 6 * minute);
  const state = { runs: 0, isAlive: false, isPaused: false, isToPause: false, isCut: false };
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
  node.isToPause = false;
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
      if (node.isToPause) pause(world, node);
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
  const kind = world.troubles[Math.floor(random.number() * world.troubles.length)] as Trouble;
  counts[kind]++;
  const again = (): void => void boot(world, node).catch(report(world));
  const lastsMs = shortest + random.number() * (longest - shortest);
  switch (kind) {
    case 'killed':
      node.isAlive = false;
      node.scheduler = undefined;
      ledger.crashed();
      clock.after(lastsMs, again);
      return;
    case 'paused':
      // Half of them in the middle of a try: what comes of it is told too late.
      if (random.number() < 0.5) node.isToPause = true;
      else pause(world, node);
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

/** The process stands still, as by SIGSTOP. */
function pause({ random, clock }: World, node: Node): void {
  node.isToPause = false;
  node.isPaused = true;
  clock.after(shortest + random.number() * (longest - shortest), () => {
    node.isPaused = false;
    for (const run of node.held.splice(0)) run();
  });
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
