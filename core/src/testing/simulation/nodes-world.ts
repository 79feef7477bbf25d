/** The world of the simulation of many nodes: one database, the network, and what is to befall the nodes. */
import type { Random } from '../../services/random.js';
import { createSeededRandom } from '../seeded-random.js';
import { createVirtualClock, type VirtualClock } from '../virtual-clock.js';
import { createNodeLedger, type NodeLedger } from './node-ledger.js';
import { createPeers, type PeerKind, type Peers } from './peers.js';
import { SharedQueue } from './shared-queue.js';

/** What to run. */
export interface NodesSimulationOptions {
  readonly seed: number;
  /** Whether the queue knows whose a lease is; `false` to prove that the simulation notices. */
  readonly isFenced?: boolean;
  /** Whether messages are tied to the settlements that they tell of; `false` for the same. */
  readonly isTied?: boolean;
  /** All of them by default. */
  readonly kinds?: readonly PeerKind[];
  readonly troubles?: readonly Trouble[];
}

/** What befalls nodes. */
export const troubles = ['killed', 'paused', 'cut', 'goodbye', 'jump'] as const;
/** One of them. */
export type Trouble = (typeof troubles)[number];

/** When every run begins. */
export const startMs = 1_700_000_000_000;
const kinds: readonly PeerKind[] = [
  'good',
  'slow',
  'refusing',
  'greylisting',
  'rising',
  'flaky',
  'throwing',
  'silent',
  'wavering',
];

/** See the file's comment. */
export interface World {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly ledger: NodeLedger;
  readonly peers: Peers;
  readonly queue: SharedQueue;
  readonly domains: readonly string[];
  readonly troubles: readonly Trouble[];
  readonly counts: Record<Trouble, number>;
  broken: unknown;
}

/** A world from a seed. */
export function createWorld(options: NodesSimulationOptions): World {
  const random = createSeededRandom(options.seed);
  const clock = createVirtualClock(startMs, 0);
  const ledger = createNodeLedger();
  const domains = [
    'sender.test',
    ...Array.from({ length: 2 + Math.floor(random.number() * 4) }, (_, at) => `d${at}.test`),
  ];
  const choices = options.kinds ?? kinds;
  const kindOf = new Map<string, PeerKind>([['sender.test', 'good']]);
  for (const domain of domains.slice(1)) {
    kindOf.set(domain, choices[Math.floor(random.number() * choices.length)] as PeerKind);
  }
  const limits = { deliveriesMax: Number.MAX_SAFE_INTEGER, deliveriesPerSiteMax: Number.MAX_SAFE_INTEGER };
  return {
    clock,
    random,
    ledger,
    peers: createPeers({ kinds: kindOf, clock, random, ledger, startMs, limits }),
    queue: new SharedQueue(() => clock.now(), options),
    domains,
    troubles: options.troubles ?? troubles,
    counts: { killed: 0, paused: 0, cut: 0, goodbye: 0, jump: 0 },
    broken: undefined,
  };
}
