/** What belongs to the process rather than to a generation: it outlives reloads. */
import { createMemoryCounters } from '../memory/counters-memory.js';
import type { MtaOptions } from '../mta-options.js';
import { createKeeper, type Keeper } from '../plugin/keep.js';
import type { Changes } from '../services/changes.js';
import type { Clock } from '../services/clock.js';
import type { Counters } from '../services/counters.js';
import type { Logger } from '../services/logger.js';
import { createLoginFailures, type LoginFailures } from '../services/login-failures.js';
import type { Metrics } from '../services/metrics.js';
import { createMetrics } from '../services/metrics-registry.js';
import { openFilesMax } from '../services/open-files.js';
import { createLogger, type LogLevel } from '../services/pino-logger.js';
import { createPortTable, type PortTable } from '../services/port-table.js';
import type { Random } from '../services/random.js';
import type { Resolver } from '../services/resolver.js';
import { createSessionTickets, type SessionTickets } from '../services/session-tickets.js';
import { systemClock } from '../services/system-clock.js';
import { createSystemRandom } from '../services/system-random.js';
import type { ReceiverPolicy } from '../smtp/receiver.js';
import type { Scheduler } from '../stages/queue/scheduler.js';
import type { WorkerLink } from './worker-link.js';

/** Services that a test, or whoever embeds the server, puts in place of the defaults. */
export interface MtaServices {
  readonly clock?: Clock;
  readonly random?: Random;
  readonly log?: Logger;
  readonly resolver?: Resolver;
  /** The link of a worker to the first process; absent when this is the only process. */
  readonly worker?: WorkerLink;
  /** Where a reload without options, such as `postroad reload`, gets them. */
  readonly configuration?: () => MtaOptions | Promise<MtaOptions>;
}

/** The process' own things. */
export interface House {
  readonly clock: Clock;
  readonly random: Random;
  /** What is read of it tells of all workers together. */
  readonly metrics: Metrics;
  /** What this process itself has counted. */
  readonly ownMetrics: Metrics;
  readonly counters: Counters;
  readonly loginFailures: LoginFailures;
  readonly changes: Changes;
  readonly worker: WorkerLink | undefined;
  /** The same in all workers. */
  readonly sessionTickets: SessionTickets;
  readonly keeper: Keeper;
  readonly ports: PortTable;
  readonly resolver: Resolver | undefined;
  /** The owner of queue leases: unique to this process run. */
  readonly owner: string;
  log(level: LogLevel | undefined): Logger;
  /** The scheduler of the generation that takes new connections. */
  scheduler: Scheduler | undefined;
  /** Its policy for messages that are handed in from code. */
  submitPolicy: ReceiverPolicy | undefined;
}

/** The only process has nobody to tell. */
const nobodyElse: Changes = { publish: () => undefined, subscribe: () => () => undefined };

/** A house with these services. */
export function createHouse(services: MtaServices): House {
  const clock = services.clock ?? systemClock;
  const random = services.random ?? createSystemRandom(clock);
  const { worker } = services;
  const own = createMetrics();
  return {
    clock,
    random,
    metrics: worker?.shareMetrics(own) ?? own,
    ownMetrics: own,
    counters: worker?.counters ?? createMemoryCounters({ clock }),
    loginFailures: createLoginFailures(clock),
    changes: worker?.changes ?? nobodyElse,
    worker,
    sessionTickets: createSessionTickets(clock, random, worker?.ticketState),
    keeper: createKeeper(),
    // What is left of the files is for bodies, the queue and connections to others.
    ports: createPortTable(Math.floor(openFilesMax() * 0.8)),
    resolver: services.resolver,
    owner: `${process.pid}-${random.id()}`,
    log: (level) => services.log ?? createLogger(level),
    scheduler: undefined,
    submitPolicy: undefined,
  };
}
