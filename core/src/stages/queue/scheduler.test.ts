import { describe, expect, it } from 'vitest';
import { createMemoryQueueStore } from '../../memory/memory-queue-store.js';
import type { QueueStore } from '../../services/queue-store.js';
import { sampleMessage } from '../../testing/sample-message.js';
import { type Answer, deferred, failed, minute, setUp, startMs } from '../../testing/scheduler-harness.js';
import { reply } from '../../values/reply.js';

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
    // Nor of a delay who asked for failures.
    const late = setUp(() => deferred);
    await late.scheduler.start();
    await late.put(sampleMessage('m1', [{ to: 'bob@b.test', notify: ['failure'] }]));
    await late.clock.advance(5 * 60 * minute);
    expect(late.dsns).toEqual([]);
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
    // Only who files it knows that it is there.
    const route = () => ({ transport: 'local', accountId: 'bob' }) as const;
    const last = setUp(() => ({}), {}, { route });
    await last.scheduler.start();
    await last.put(sampleMessage('m1', [{ to: 'bob@b.test', notify: ['success'] }]));
    expect(last.dsns.map((one) => one.kind)).toEqual(['success']);
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

  it('delivers later what was put without a lease', async () => {
    const it = setUp(() => ({}));
    await it.store.put(sampleMessage('m1', [{ to: 'bob@b.test' }]));
    await it.scheduler.start();
    await it.clock.settle();
    expect(it.settled).toHaveLength(1);
    const message = sampleMessage('m2', [{ to: 'bob@b.test', dueAtMs: startMs + 20_000 }]);
    it.scheduler.accept(message, await it.store.put(message));
    // Then, and not when the store is looked at anyway.
    await it.clock.advance(19_999);
    expect(it.settled).toHaveLength(1);
    await it.clock.advance(1);
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

  it('ends a delivery before its lease does', async () => {
    const it = setUp(() => new Promise(() => {}), { leaseMs: 10 * minute });
    await it.scheduler.start();
    await it.put(sampleMessage('m1', [{ to: 'bob@b.test' }]));
    await it.clock.advance(9 * minute);
    expect((await it.store.count()).byState.waiting).toBe(1);
  });

  it('returns to the sender what an operator wants returned, without a try', async () => {
    const it = setUp((request) => (request.message.reversePath === null ? {} : deferred));
    await it.scheduler.start();
    await it.put(sampleMessage('m1', [{ to: 'bob@b.test' }]));
    await it.scheduler.queue.hold({}, 'odd');
    expect(await it.scheduler.queue.bounce({ state: 'held' }, 'we do not like it')).toBe(1);
    await it.clock.settle();
    expect(it.dsns.map((one) => [one.kind, one.subject.recipients[0]?.outcome.reply.text])).toEqual([
      ['failure', 'we do not like it'],
    ]);
    expect(it.deliveries.map((one) => one.site)).toEqual(['mx:b.test', 'mx:example.org']);
    expect(await it.store.count()).toMatchObject({ messages: 0 });
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
