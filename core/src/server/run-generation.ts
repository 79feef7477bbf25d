/** Starting a built generation, and leaving it: every step in order, every failure undone. */
import { MailError } from '../errors.js';
import { runStep } from '../plugin/lifecycle.js';
import { MailboxStore } from '../services/mailbox-store.js';
import { MessageHistory } from '../services/message-history.js';
import { QueueStore } from '../services/queue-store.js';
import { Spool } from '../services/spool.js';
import { createReceiver } from '../smtp/create-receiver.js';
import type { ReceiverPolicy } from '../smtp/receiver.js';
import { createDeliverPolicy } from '../stages/deliver.js';
import { createScheduler, type Scheduler } from '../stages/queue/scheduler.js';
import { schedulerOptions, shareOf } from '../stages/queue/scheduler-options.js';
import { createReceivePolicy } from '../stages/receive.js';
import { enqueueWith, tellingRefusals } from './enqueue.js';
import type { BuiltListener } from './generation.js';
import { find, type Generation, scopesOf } from './generation.js';
import type { House } from './house.js';
import { receiveOptions } from './receive-options.js';

/** A started generation. */
export interface RunningGeneration {
  readonly generation: Generation;
  readonly scheduler: Scheduler;
  /** The policy for messages that are handed in from code. */
  readonly submitPolicy: ReceiverPolicy;
  /** Makes it the one that takes new connections and works the queue. */
  takeOver(): Promise<void>;
  /** Stops taking new work; what is under way goes on. */
  drain(deadlineMs: number): Promise<void>;
  /** Undoes everything, in reverse order. Never rejects: failures are logged. */
  dispose(): Promise<void>;
}

/** Starts a generation up to the point where it could take over; on failure everything is undone. */
export async function startGeneration(house: House, generation: Generation): Promise<RunningGeneration> {
  const { defaults, log } = generation;
  try {
    await defaults.certificates.start();
    await defaults.clientAuthorities.start();
    await defaults.sharedTickets?.start();
    await defaults.spool.open();
    for (const scope of scopesOf(generation)) {
      for (const step of scope.starts) await runStep(step, 'its start', house.clock);
    }
    const scheduler = createSchedulerOf(house, generation);
    for (const listener of generation.listeners) await listen(house, generation, scheduler, listener);
    const submitPolicy = policyOf(house, generation, scheduler, undefined);
    return {
      generation,
      scheduler,
      submitPolicy,
      async takeOver() {
        await scheduler.start();
        house.scheduler = scheduler;
        house.submitPolicy = submitPolicy;
        await defaults.listeners.takeOver();
      },
      async drain(deadlineMs) {
        const steps = scopesOf(generation).flatMap((scope) => scope.drains);
        await Promise.all(
          steps.map((step) => runQuietly(generation, () => runStep(step, 'its drain', house.clock))),
        );
        await scheduler.drain(deadlineMs);
        // What it gave back to the store is the next one's work, at once.
        if (house.scheduler !== scheduler) house.scheduler?.kick();
      },
      dispose: () => disposeGeneration(house, generation),
    };
  } catch (error) {
    log.debug('start failed, undoing it', { error });
    await disposeGeneration(house, generation);
    throw error;
  }
}

/** Leaves a generation that was built, started or half started. */
export async function disposeGeneration(house: House, generation: Generation): Promise<void> {
  const { defaults } = generation;
  await defaults.listeners.abandon();
  const defers = scopesOf(generation).flatMap((scope) => scope.defers);
  for (const step of [...defers].reverse()) {
    await runQuietly(generation, () => runStep(step, 'its end', house.clock));
  }
  await runQuietly(generation, () => house.keeper.letGo(generation.holder));
  await runQuietly(generation, async () => defaults.certificates.stop());
}

async function runQuietly(generation: Generation, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    generation.log.error('a step of the end failed', { error });
  }
}

function createSchedulerOf(house: House, generation: Generation): Scheduler {
  const { container } = generation.scope;
  if (!container.has(QueueStore)) {
    throw new MailError(
      'E_TOKEN_MISSING',
      `a server needs ${QueueStore.name}: name a queue plugin, such as queue-lmdb`,
    );
  }
  const { clock, random, metrics, owner } = house;
  const policy = createDeliverPolicy({
    hooks: () => generation.hooks,
    store: () => find(container, MailboxStore),
    quotas: generation.quotas,
    spool: container.get(Spool),
    hostname: generation.options.hostname,
    clock,
    random,
    log: generation.log,
  });
  const store = container.get(QueueStore);
  const whole = schedulerOptions(generation.options.queue);
  // Those who share a queue are counted by it, workers of this machine among them.
  const options = store.isShared === true ? whole : shareOf(whole, house.worker?.count ?? 1);
  return createScheduler({
    store,
    policy,
    clock,
    random,
    options,
    log: generation.log,
    metrics,
    owner,
    spool: container.get(Spool),
    outbox: generation.defaults.outbox,
    history: find(container, MessageHistory),
  });
}

async function listen(
  house: House,
  generation: Generation,
  scheduler: Scheduler,
  listener: BuiltListener,
): Promise<void> {
  const { options } = listener;
  const protocol = options.role === 'lmtp' ? 'lmtp' : 'smtp';
  const receiver = createReceiver({
    name: options.name,
    hostname: generation.options.hostname,
    protocol,
    tls: options.tls,
    isTlsRequired: options.isTlsRequired,
    hasAuth: options.hasAuth,
    isPlaintextAuthAllowed: options.isPlaintextAuthAllowed,
    profile: options.profile,
    greetingDelayMs: options.greetingDelayMs,
    ...(options.isTrustedForwarder === undefined ? {} : { isTrustedForwarder: options.isTrustedForwarder }),
    limits: options.limits,
    ...(house.worker === undefined ? {} : { countShare: house.worker.countsOf(options.name) }),
    policy: policyOf(house, generation, scheduler, listener),
    clock: house.clock,
    log: generation.log.child({ listener: options.name }),
    metrics: house.metrics,
  });
  await generation.defaults.listeners.listen({
    name: options.name,
    protocol,
    role: options.role,
    ...(options.host === undefined ? {} : { host: options.host }),
    port: options.port,
    tls: options.tls,
    ...(options.isProxy === undefined ? {} : { isProxy: options.isProxy }),
    connectionsMax: options.limits.connectionsMax,
    overloadText: '421 4.3.2 too many connections, try again later\r\n',
    serve: (client, signal) => receiver.serve(client, signal),
  });
}

function policyOf(
  house: House,
  generation: Generation,
  scheduler: Scheduler,
  listener: BuiltListener | undefined,
): ReceiverPolicy {
  const store = (listener?.scope ?? generation.scope).container.get(QueueStore);
  const options = receiveOptions(house, generation, listener);
  return createReceivePolicy({
    ...options,
    hooks: tellingRefusals(options.hooks, generation.defaults.outbox, scheduler, house.clock),
    enqueue: enqueueWith({ house, store, scheduler }),
  });
}
