import { describe, expect, it } from 'vitest';
import { bodyFromBytes } from '../../body/inline-body.js';
import type { DsnDraft, DsnSubject, SettledEvent } from '../../hooks/table.js';
import { createMemoryQueueStore } from '../../memory/memory-queue-store.js';
import type { QueueOptions } from '../../mta-options.js';
import type { Logger } from '../../services/logger.js';
import { createMetrics } from '../../services/metrics-registry.js';
import type { NewQueuedMessage, QueueStore } from '../../services/queue-store.js';
import { sampleMessage } from '../../testing/contracts/queue-store.js';
import { createSeededRandom } from '../../testing/seeded-random.js';
import { createVirtualClock } from '../../testing/virtual-clock.js';
import { reply } from '../../values/reply.js';
import type { DeliveryReport, RecipientOutcome } from '../../values/report.js';
import { createScheduler } from './scheduler.js';
import { schedulerOptions } from './scheduler-options.js';
import type { DeliveryRequest, SchedulerPolicy } from './scheduler-policy.js';

const startMs = 1_700_000_000_000;
const minute = 60_000;

const silent: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silent,
};

type Answer = Partial<RecipientOutcome> | undefined;

/** A scheduler over a store in memory, with peers that are functions. */
function setUp(
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
      return dsnOf(random.id(), subject, clock.now());
    },
    attempted() {},
    settled: (event) => void settled.push(event),
    ...more,
  };
  const scheduler = createScheduler({
    store,
    policy,
    clock,
    random,
    options: schedulerOptions({ retryJitter: 0, ...options }),
    log: silent,
    metrics: createMetrics(),
    owner: 'run-1',
  });
  async function put(message: NewQueuedMessage): Promise<void> {
    const lease = scheduler.lease(message.recipients.length);
    scheduler.accept(message, await store.put(message, lease));
    await clock.settle();
  }
  return { clock, deliveries, settled, dsns, scheduler, store, put };
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
function gate(): { readonly promise: Promise<Answer>; resolve(answer: Answer): void } {
  let resolve: (answer: Answer) => void = () => {};
  const promise = new Promise<Answer>((done) => {
    resolve = done;
  });
  return { promise, resolve: (answer) => resolve(answer) };
}

const deferred: Answer = { status: 'deferred', reply: reply(451, '4.1', 'busy') };
const failed: Answer = { status: 'failed', reply: reply(550, '1.1', 'no such user') };

describe('scheduler', () => {
  it('delivers what is accepted at once and forgets it', async () => {
    const it = setUp(() => ({}));
    await it.scheduler.start();
    await it.put(sampleMessage('m1', [{ to: 'bob@b.test' }]));
    expect(it.deliveries).toHaveLength(1);
    expect(it.settled.map((one) => one.status)).toEqual(['delivered']);
    expect(await it.store.count()).toMatchObject({ messages: 0 });
    expect(it.dsns).toEqual([]);
  });

  it('puts recipients of one site into one transaction, and of others into others', async () => {
    const it = setUp(() => ({}));
    await it.scheduler.start();
    await it.put(sampleMessage('m1', [{ to: 'a@b.test' }, { to: 'b@c.test' }, { to: 'c@b.test' }]));
    expect(it.deliveries.map((one) => [one.site, one.recipients.length])).toEqual([
      ['mx:b.test', 2],
      ['mx:c.test', 1],
    ]);
  });

  it('files local recipients together, each with its own route', async () => {
    const it = setUp(
      () => ({}),
      {},
      {
        route: (_message, recipient) => ({ transport: 'local', accountId: recipient.address.localPart }),
      },
    );
    await it.scheduler.start();
    await it.put(sampleMessage('m1', [{ to: 'a@b.test' }, { to: 'b@b.test' }]));
    expect(it.deliveries).toHaveLength(1);
    expect(it.deliveries[0]?.routes).toEqual([
      { transport: 'local', accountId: 'a' },
      { transport: 'local', accountId: 'b' },
    ]);
  });

  it('tries again by the schedule and delivers when the peer is back', async () => {
    let isUp = false;
    const it = setUp(() => (isUp ? {} : deferred));
    await it.scheduler.start();
    await it.put(sampleMessage('m1', [{ to: 'bob@b.test' }]));
    await it.clock.advance(minute - 1);
    expect(it.deliveries).toHaveLength(1);
    await it.clock.advance(2);
    expect(it.deliveries).toHaveLength(2);
    isUp = true;
    await it.clock.advance(5 * minute);
    expect(it.deliveries.map((one) => one.startedAtMs - startMs)).toEqual([0, minute, 6 * minute]);
    expect(await it.store.count()).toMatchObject({ messages: 0 });
  });

  it('returns a DSN in the commit that ends the recipient', async () => {
    const it = setUp((request) => (request.message.reversePath === null ? {} : failed));
    await it.scheduler.start();
    await it.put(sampleMessage('m1', [{ to: 'bob@b.test' }]));
    expect(it.dsns.map((one) => one.kind)).toEqual(['failure']);
    expect(it.deliveries.map((one) => one.site)).toEqual(['mx:b.test', 'mx:example.org']);
    expect(it.settled.map((one) => one.status)).toEqual(['bounced', 'delivered']);
  });

  it('tells nobody about a message with a null reverse-path, nor with NOTIFY=NEVER', async () => {
    const it = setUp(() => failed);
    await it.scheduler.start();
    await it.put(sampleMessage('m1', [{ to: 'bob@b.test' }], { reversePath: null }));
    await it.put(sampleMessage('m2', [{ to: 'bob@b.test', notify: 'never' }]));
    await it.put(sampleMessage('m3', [{ to: 'bob@b.test', notify: ['success'] }]));
    expect(it.dsns).toEqual([]);
    expect(it.settled.map((one) => one.status)).toEqual(['dropped', 'dropped', 'dropped']);
  });

  it('tells of success when asked, unless the next hop will', async () => {
    let answer: Answer = {};
    const it = setUp(() => answer);
    await it.scheduler.start();
    await it.put(sampleMessage('m1', [{ to: 'bob@b.test', notify: ['success'] }]));
    answer = { dsnPassedOn: true };
    await it.put(sampleMessage('m2', [{ to: 'bob@b.test', notify: ['success'] }]));
    expect(it.dsns.map((one) => [one.kind, one.subject.message.id])).toEqual([['relayed', 'm1']]);
  });

  it('tells of a delay once, and gives up when the lifetime is over', async () => {
    const it = setUp((request) => (request.message.reversePath === null ? {} : deferred));
    await it.scheduler.start();
    await it.put(sampleMessage('m1', [{ to: 'bob@b.test' }]));
    await it.clock.advance(4 * 60 * minute - 1);
    expect(it.dsns).toEqual([]);
    await it.clock.advance(2);
    expect(it.dsns.map((one) => one.kind)).toEqual(['delay']);
    await it.clock.advance(5 * 24 * 60 * minute);
    expect(it.dsns.map((one) => one.kind)).toEqual(['delay', 'failure']);
    expect(it.dsns[1]?.subject.recipients[0]?.outcome).toMatchObject({
      status: 'failed',
      reply: { code: 451 },
    });
    expect(it.settled.find((one) => one.message.id === 'm1')?.status).toBe('expired');
    expect(it.deliveries.filter((one) => one.message.id === 'm1').at(-1)?.startedAtMs).toBe(
      startMs + 432_000_000,
    );
    expect(await it.store.count()).toMatchObject({ messages: 0 });
  });

  it('does as the retry hook says', async () => {
    const it = setUp(
      (request) => (request.message.reversePath === null ? {} : deferred),
      {},
      {
        retry: ({ recipient, nowMs }) =>
          recipient.attempts > 1 ? { giveUp: true } : { retryAtMs: nowMs + 10 },
      },
    );
    await it.scheduler.start();
    await it.put(sampleMessage('m1', [{ to: 'bob@b.test' }]));
    await it.clock.advance(10);
    expect(it.settled.map((one) => one.status)).toEqual(['bounced', 'delivered']);
  });

  it('takes a route that refuses as the outcome', async () => {
    const it = setUp(
      () => ({}),
      {},
      {
        route: (_message, recipient) =>
          recipient.address.domain === 'example.org'
            ? { transport: 'mx', domain: 'example.org' }
            : { verdict: 'reject', reply: reply(550, '1.2', 'no such domain') },
      },
    );
    await it.scheduler.start();
    await it.put(sampleMessage('m1', [{ to: 'bob@b.test' }]));
    expect(it.settled.map((one) => one.status)).toEqual(['bounced', 'delivered']);
    expect(it.deliveries).toHaveLength(1);
  });

  it('defers what throws or says nothing', async () => {
    const it = setUp(
      (request) => {
        if (request.site === 'mx:throws.test') throw new Error('bug');
        return undefined;
      },
      {},
      {
        retry: () => {
          throw new Error('another bug');
        },
        attempted: () => {
          throw new Error('and one more');
        },
      },
    );
    await it.scheduler.start();
    await it.put(sampleMessage('m1', [{ to: 'a@throws.test' }, { to: 'a@silent.test' }]));
    const { recipients } = await it.store.range({}, { limit: 10 });
    expect(recipients.map((one) => [one.state, one.dueAtMs - startMs])).toEqual([
      ['waiting', minute],
      ['waiting', minute],
    ]);
  });

  it('holds a recipient whose failure can not be told', async () => {
    const it = setUp(
      () => failed,
      {},
      {
        notify: async () => {
          throw new Error('no DSN today');
        },
      },
    );
    await it.scheduler.start();
    await it.put(sampleMessage('m1', [{ to: 'bob@b.test' }]));
    expect((await it.store.count()).byState.held).toBe(1);
    expect(it.settled).toEqual([]);
  });

  it('holds a recipient whose tries never ended', async () => {
    const store = createMemoryQueueStore();
    await store.put(sampleMessage('m1', [{ to: 'bob@b.test' }]));
    for (let run = 0; run < 3; run++) {
      const lease = { owner: `gone-${run}`, untilMs: startMs + minute };
      expect(await store.lease({ nowMs: startMs, limit: 1, lease })).toHaveLength(1);
      await store.start('next', startMs);
    }
    const it = setUp(() => ({}), {}, {}, store);
    await it.scheduler.start();
    await it.clock.settle();
    expect(it.deliveries).toEqual([]);
    expect((await store.count()).byState.held).toBe(1);
  });

  it('keeps to its limits, and a slow site holds up nobody', async () => {
    const slow = gate();
    let active = 0;
    let activeMax = 0;
    const it = setUp(
      async (request) => {
        activeMax = Math.max(activeMax, ++active);
        const answer = request.site.startsWith('mx:slow') ? await slow.promise : {};
        active--;
        return answer;
      },
      { deliveriesMax: 20, deliveriesPerSiteMax: 5 },
    );
    await it.scheduler.start();
    for (let at = 0; at < 200; at++) await it.put(sampleMessage(`s${at}`, [{ to: `u@slow${at % 8}.test` }]));
    for (let at = 0; at < 50; at++) await it.put(sampleMessage(`q${at}`, [{ to: `u@quick${at}.test` }]));
    expect(it.settled).toHaveLength(50);
    expect(activeMax).toBeLessThanOrEqual(20);
    for (const site of new Set(it.deliveries.map((one) => one.site))) {
      expect(it.deliveries.filter((one) => one.site === site).length).toBeLessThanOrEqual(5);
    }
    slow.resolve({});
    await it.clock.advance(minute);
    expect(it.settled).toHaveLength(250);
  });

  it('leaves a site alone until the moment that the report says', async () => {
    const sent: number[] = [];
    const it = setUp(
      () => ({}),
      {},
      {
        async deliver(request) {
          sent.push(request.startedAtMs - startMs);
          return {
            outcomes: [{ index: 0, status: 'deferred', reply: reply(421, '4.2', 'too busy') }],
            siteRetryAtMs: request.startedAtMs + 10 * minute,
          };
        },
      },
    );
    await it.scheduler.start();
    await it.put(sampleMessage('m1', [{ to: 'bob@b.test' }]));
    await it.put(sampleMessage('m2', [{ to: 'bob@b.test' }]));
    await it.clock.advance(10 * minute - 1);
    expect(sent).toEqual([0]);
    await it.clock.advance(1);
    expect(sent).toEqual([0, 10 * minute, 10 * minute]);
  });

  it('delivers later what was put without a lease', async () => {
    const it = setUp(() => ({}));
    await it.store.put(sampleMessage('m1', [{ to: 'bob@b.test' }]));
    await it.scheduler.start();
    await it.clock.settle();
    expect(it.settled).toHaveLength(1);
    const message = sampleMessage('m2', [{ to: 'bob@b.test', dueAtMs: startMs + 3 * minute }]);
    it.scheduler.accept(message, await it.store.put(message));
    await it.clock.advance(3 * minute);
    expect(it.settled).toHaveLength(2);
  });

  it('writes an outcome again and again until the store takes it', async () => {
    const kept = createMemoryQueueStore();
    let failures = 3;
    const store: QueueStore = {
      ...kept,
      async settle(...args) {
        if (failures-- > 0) throw new Error('disk full');
        return kept.settle(...args);
      },
    };
    const it = setUp(() => ({}), {}, {}, store);
    await it.scheduler.start();
    await it.put(sampleMessage('m1', [{ to: 'bob@b.test' }]));
    expect(it.settled).toEqual([]);
    expect(it.scheduler.lease(1)).toBeUndefined();
    await it.clock.advance(1000);
    expect(it.settled).toHaveLength(1);
    expect(it.deliveries).toHaveLength(1);
    expect(it.scheduler.lease(1)).toBeDefined();
  });

  it('drains: gives back what has not begun and waits for the rest', async () => {
    const slow = gate();
    const it = setUp(() => slow.promise, { deliveriesMax: 2, deliveriesPerSiteMax: 1 });
    await it.scheduler.start();
    await it.put(sampleMessage('m1', [{ to: 'bob@b.test' }]));
    await it.put(sampleMessage('m2', [{ to: 'bob@b.test' }]));
    let isDrained = false;
    const drained = it.scheduler.drain(minute).then(() => {
      isDrained = true;
    });
    await it.clock.settle();
    expect(isDrained).toBe(false);
    slow.resolve({});
    await drained;
    const { recipients } = await it.store.range({}, { limit: 10 });
    expect(recipients.map((one) => [one.messageId, one.state, one.attempts])).toEqual([['m2', 'ready', 0]]);
    expect(it.scheduler.lease(1)).toBeUndefined();
    expect(it.clock.timers).toBe(0);
  });

  it('aborts deliveries at the end of the drain; they are deferred', async () => {
    let aborted = 0;
    const it = setUp(
      (_request, signal) =>
        new Promise(() => {
          signal.addEventListener('abort', () => aborted++);
        }),
    );
    await it.scheduler.start();
    await it.put(sampleMessage('m1', [{ to: 'bob@b.test' }]));
    const drained = it.scheduler.drain(1000);
    await it.clock.advance(1000);
    await drained;
    expect(aborted).toBe(1);
    expect((await it.store.count()).byState.waiting).toBe(1);
  });

  it('ends a delivery before its lease does', async () => {
    const it = setUp(() => new Promise(() => {}), { leaseMs: 10 * minute });
    await it.scheduler.start();
    await it.put(sampleMessage('m1', [{ to: 'bob@b.test' }]));
    await it.clock.advance(9 * minute);
    expect((await it.store.count()).byState.waiting).toBe(1);
  });

  it('does what operators want', async () => {
    const it = setUp(() => deferred);
    await it.scheduler.start();
    await it.put(sampleMessage('m1', [{ to: 'bob@b.test' }], { reversePath: null }));
    expect(await it.scheduler.queue.retry({ domain: 'b.test' })).toBe(1);
    await it.clock.settle();
    expect(it.deliveries).toHaveLength(2);
    await it.scheduler.queue.hold({}, 'odd');
    await it.clock.advance(600 * minute);
    expect(it.deliveries).toHaveLength(2);
    await it.scheduler.queue.release({});
    await it.clock.settle();
    expect(it.deliveries).toHaveLength(3);
    expect(await it.scheduler.queue.delete({})).toBe(1);
    expect(await it.scheduler.queue.count()).toMatchObject({ messages: 0 });
  });
});
