/** The services that the core provides itself, unless a plugin declares one of its own. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSpool, type OwnedSpool } from '../body/spool.js';
import type { ServiceContainer } from '../di/container.js';
import type { Token } from '../di/token.js';
import { MailError } from '../errors.js';
import type { CompiledHooks } from '../hooks/compile.js';
import type { MtaOptions } from '../mta-options.js';
import { Certificates } from '../services/certificates.js';
import { Changes } from '../services/changes.js';
import { type ClientAuthorities, createClientAuthorities } from '../services/client-certificates.js';
import { Clock } from '../services/clock.js';
import { Counters } from '../services/counters.js';
import { createResolver } from '../services/dns-resolver.js';
import { createCertificates, type OwnedCertificates } from '../services/file-certificates.js';
import { Listeners } from '../services/listeners.js';
import { Logger } from '../services/logger.js';
import { LoginFailures } from '../services/login-failures.js';
import { Metrics } from '../services/metrics.js';
import { Outbox } from '../services/outbox.js';
import type { GenerationListeners } from '../services/port-table.js';
import { Queue } from '../services/queue.js';
import { Random } from '../services/random.js';
import { Reports } from '../services/reports.js';
import { Resolver } from '../services/resolver.js';
import { createSharedTickets, type SharedSessionTickets } from '../services/session-tickets.js';
import { Spool } from '../services/spool.js';
import { Submission } from '../services/submission.js';
import { createWellKnownPages, WellKnownPages } from '../services/well-known-pages.js';
import { Worker } from '../services/worker.js';
import { createOutbox, type OwnedOutbox } from '../stages/queue/outbox-messages.js';
import type { House } from './house.js';
import { submit } from './submit.js';

/** The defaults that a generation starts and stops. */
export interface DefaultServices {
  readonly certificates: OwnedCertificates;
  /** Whether listeners can offer TLS, with the core's certificate or with those of a plugin. */
  readonly hasCertificates: boolean;
  readonly clientAuthorities: ClientAuthorities;
  /** Present when sessions are shared with other machines. */
  readonly sharedTickets: SharedSessionTickets | undefined;
  readonly listeners: GenerationListeners;
  readonly spool: OwnedSpool;
  readonly outbox: OwnedOutbox;
}

/** Bodies up to this size stay in memory and ride in the queue's own record. */
const inlineOctetsMaxDefault = 65_536;

/** Binds the defaults; tokens in `declared` are left to the plugins that declare them. */
export function bindDefaults(
  house: House,
  options: MtaOptions,
  container: ServiceContainer,
  declared: ReadonlySet<symbol>,
  log: Logger,
  hooks: () => CompiledHooks,
): DefaultServices {
  const bind = <T>(token: Token<T>, service: T) => {
    if (!declared.has(token.id)) container.bind(token, service);
  };
  const { clock, random, metrics } = house;
  const certificates = createCertificates(options.tls, { hostname: options.hostname, clock, log });
  const clientAuthorities = createClientAuthorities(options.clientCertificates?.authoritiesFile, clock);
  const sharedTickets =
    options.tlsSessions && createSharedTickets(options.tlsSessions.secretFile, clock, random);
  const offered = declared.has(Certificates.id)
    ? pluginCertificates(() => container.get(Certificates))
    : certificates;
  const listeners = house.ports.forGeneration({
    certificates: offered,
    clientAuthorities,
    sessionTickets: sharedTickets ?? house.sessionTickets,
    clock,
    random,
    log,
    metrics,
  });
  const spool = createSpool({
    directory: options.spool?.directory ?? join(tmpdir(), `postroad-spool-${process.pid}`),
    inlineOctetsMax: options.spool?.inlineOctetsMax ?? inlineOctetsMaxDefault,
  });
  bind(Clock, clock);
  bind(Random, random);
  bind(Metrics, metrics);
  bind(Counters, house.counters);
  bind(LoginFailures, house.loginFailures);
  bind(Changes, house.changes);
  bind(Worker, { index: house.worker?.index ?? 0, count: house.worker?.count ?? 1 });
  bind(Logger, log);
  bind(Certificates, certificates);
  bind(WellKnownPages, createWellKnownPages());
  bind(Listeners, listeners);
  bind(Spool, spool);
  bind(Queue, currentQueue(house));
  bind(Submission, {
    async submit(envelope, content) {
      if (house.submitPolicy === undefined) throw new MailError('E_STATE', 'the server is not running');
      return submit(house, house.submitPolicy, envelope, content);
    },
  });
  const outbox = createOutbox(log);
  bind(Outbox, outbox);
  bind(Reports, { tell: async (event) => await hooks().reported?.(event) });
  if (!declared.has(Resolver.id)) container.bind(Resolver, house.resolver ?? systemResolver(house, options));
  return {
    certificates,
    clientAuthorities,
    sharedTickets,
    hasCertificates: offered.isAvailable,
    listeners,
    spool,
    outbox,
  };
}

function systemResolver(house: House, options: MtaOptions): Resolver {
  return createResolver({
    clock: house.clock,
    random: house.random,
    ...options.dns,
  });
}

/** The queue as it runs at the moment of the call: it outlives reloads. */
export function currentQueue(house: House): Queue {
  const queue = (): Queue => {
    if (house.scheduler === undefined) throw new MailError('E_STATE', 'the queue is not running');
    return house.scheduler.queue;
  };
  return {
    get isShared() {
      return queue().isShared;
    },
    list: async (filter, page) => queue().list(filter, page),
    message: async (id) => queue().message(id),
    count: async (filter) => queue().count(filter),
    retry: async (filter) => queue().retry(filter),
    hold: async (filter, reason) => queue().hold(filter, reason),
    release: async (filter) => queue().release(filter),
    delete: async (filter) => queue().delete(filter),
    bounce: async (filter, reason) => queue().bounce(filter, reason),
    redirect: async (filter, route) => queue().redirect(filter, route),
    exportTo: async (file, filter) => queue().exportTo(file, filter),
    importFrom: async (file) => queue().importFrom(file),
    change: async (filter, change) => queue().change(filter, change),
    suspend: async (target, options) => queue().suspend(target, options),
    resume: async (target) => queue().resume(target),
    resolve: async (address, reversePath) => queue().resolve(address, reversePath),
    suspensions: async () => queue().suspensions(),
    trace: async (query) => queue().trace(query),
  };
}

/** A plugin provides them in its setup, after the listeners have got theirs. */
function pluginCertificates(find: () => Certificates): Certificates {
  return {
    isAvailable: true,
    context: (serverName) => find().context(serverName),
    get proof() {
      return find().proof as NonNullable<Certificates['proof']>;
    },
  };
}
