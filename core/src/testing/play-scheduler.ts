/** A scheduler over a store in memory, a virtual clock, peers that are functions. */
import type { Body } from '../body/body.js';
import { bodyFromBytes } from '../body/inline-body.js';
import type { DsnDraft, DsnSubject, SettledEvent } from '../hooks/table.js';
import { createMemoryQueueStore } from '../memory/memory-queue-store.js';
import type { QueueOptions } from '../mta-options.js';
import type { Logger } from '../services/logger.js';
import { createMetrics } from '../services/metrics-registry.js';
import type { NewQueuedMessage, QueueStore } from '../services/queue-store.js';
import { createScheduler, type Scheduler } from '../stages/queue/scheduler.js';
import { schedulerOptions } from '../stages/queue/scheduler-options.js';
import type { DeliveryRequest, SchedulerPolicy } from '../stages/queue/scheduler-policy.js';
import { reply } from '../values/reply.js';
import type { DeliveryReport, RecipientOutcome } from '../values/report.js';
import { isAtRest } from './at-rest.js';
import { sampleMessage } from './sample-message.js';
import { createSeededRandom } from './seeded-random.js';
import { createVirtualClock } from './virtual-clock.js';

/** When the tests begin. */
export const startMs = 1_700_000_000_000;
/** In milliseconds. */
export const minute = 60_000;

const silent: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silent,
};

/** What a peer says to all recipients; `undefined` for nothing at all. */
export type Answer = Partial<RecipientOutcome> | undefined;

/** A scheduler over a store in memory, with peers that are functions. */
export function playScheduler(
  deliver: (request: DeliveryRequest, signal: AbortSignal) => Promise<Answer> | Answer,
  options: QueueOptions = {},
  more: Partial<SchedulerPolicy> = {},
  store: QueueStore = createMemoryQueueStore(),
) {
  const clock = createVirtualClock(startMs);
  const deliveries: DeliveryRequest[] = [];
  const settled: SettledEvent[] = [];
  const dsns: { kind: DsnDraft['kind']; subject: DsnSubject }[] = [];
  const random = createSeededRandom(1);
  const bodies = new Map<string, { readonly held: number }>();
  const counting = (id: string, body: Body): Body => {
    const counted = countedBody(body);
    bodies.set(`${id} ${bodies.size}`, counted);
    return counted.body;
  };
  const policy: SchedulerPolicy = {
    route: (_message, recipient) => ({ transport: 'mx', domain: recipient.address.domain }),
    async deliver(request, signal): Promise<DeliveryReport> {
      deliveries.push(request);
      const answer = await deliver(request, signal);
      if (answer === undefined) return { outcomes: [] };
      return {
        outcomes: request.recipients.map((one) => ({
          index: one.index,
          status: 'delivered',
          reply: reply(250, '0.0', 'ok'),
          ...answer,
        })),
      };
    },
    retry: () => undefined,
    async notify(kind, subject) {
      dsns.push({ kind, subject });
      const dsn = dsnOf(random.id(), subject, clock.now());
      const body = counting(dsn.id, dsn.body);
      // The maker's own.
      body.retain();
      return { ...dsn, body };
    },
    attempted() {},
    settled: (event) => void settled.push(event),
    ...more,
  };
  const checked = schedulerOptions({ retryJitter: 0, ...options });
  let isRunning = false;
  const made = createScheduler({
    store: {
      ...store,
      async message(id) {
        const message = await store.message(id);
        return message === undefined ? undefined : { ...message, body: counting(id, message.body) };
      },
    },
    policy,
    clock,
    random,
    options: checked,
    log: silent,
    metrics: createMetrics(),
    owner: 'run-1',
  });
  const scheduler: Scheduler = {
    ...made,
    async start() {
      isRunning = true;
      return await made.start();
    },
    async drain(deadlineMs) {
      isRunning = false;
      await made.drain(deadlineMs);
    },
  };
  async function put(message: NewQueuedMessage): Promise<void> {
    const lease = scheduler.lease(message.recipients.length);
    const recipients = await store.put(message, lease);
    scheduler.accept({ ...message, body: counting(message.id, message.body) }, recipients);
    await clock.settle();
  }
  /** Once nothing is under way nothing may be left in memory; not asked of one that is drained or was never started. */
  async function checkRest(): Promise<void> {
    if (!isRunning) return;
    await clock.settle();
    const { byState } = await store.count();
    if (byState.leased > 0) return;
    if (!isAtRest(scheduler, checked)) throw new Error('the scheduler holds recipients that nobody tries');
    for (const [id, { held }] of bodies)
      if (held !== 0) throw new Error(`the body of ${id} is held ${held} times`);
  }
  return { clock, deliveries, settled, dsns, scheduler, store, put, checkRest };
}

/** A body that counts who holds it. */
function countedBody(body: Body): { readonly body: Body; readonly held: number } {
  const counted = {
    held: 0,
    body: new Proxy(body, {
      get(of, name) {
        if (name === 'retain') return () => void counted.held++;
        if (name === 'release') {
          return async () => {
            counted.held--;
          };
        }
        const value: unknown = Reflect.get(of, name, of);
        return typeof value === 'function' ? value.bind(of) : value;
      },
    }),
  };
  return counted;
}

function dsnOf(id: string, subject: DsnSubject, nowMs: number): NewQueuedMessage {
  const to = subject.message.reversePath;
  if (to === null) throw new Error('a DSN to the null reverse-path');
  return sampleMessage(`dsn-${id}`, [{ to: `${to.localPart}@${to.domain}` }], {
    reversePath: null,
    receivedAtMs: nowMs,
    expiresAtMs: nowMs + 432_000_000,
    body: bodyFromBytes(Buffer.from('Subject: failure\r\n\r\n')),
  });
}

/** A promise, and the function that resolves it. */
export function gate(): { readonly promise: Promise<Answer>; resolve(answer: Answer): void } {
  let resolve: (answer: Answer) => void = () => {};
  const promise = new Promise<Answer>((done) => {
    resolve = done;
  });
  return { promise, resolve: (answer) => resolve(answer) };
}

/** Not now. */
export const deferred: Answer = { status: 'deferred', reply: reply(451, '4.1', 'busy') };
/** Never. */
export const failed: Answer = { status: 'failed', reply: reply(550, '1.1', 'no such user') };
