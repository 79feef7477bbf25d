import { describe, expect, it } from 'vitest';
import { createMemoryQueueStore } from '../../memory/memory-queue-store.js';
import type { QueueStore } from '../../services/queue-store.js';
import { sampleMessage } from '../../testing/sample-message.js';
import { deferred, gate, minute, setUp, startMs } from '../../testing/scheduler-harness.js';

describe('suspended deliveries', () => {
  it('begin neither for a domain nor for a site nor for an account, and go on when resumed', async () => {
    const it = setUp(() => ({}));
    await it.scheduler.start();
    const { queue } = it.scheduler;
    await queue.suspend({ kind: 'domain', value: 'B.test' }, { reason: 'asked' });
    await queue.suspend({ kind: 'site', value: 'mx:c.test' }, { reason: 'asked' });
    await queue.suspend({ kind: 'account', value: 'eve' }, { reason: 'spam' });
    await it.put(sampleMessage('m1', [{ to: 'u@b.test' }, { to: 'u@d.test' }]));
    await it.put(sampleMessage('m2', [{ to: 'u@c.test' }]));
    const { origin } = sampleMessage('x', []);
    await it.put(sampleMessage('m3', [{ to: 'u@d.test' }], { origin: { ...origin, accountId: 'eve' } }));
    await it.clock.advance(60 * minute);
    expect(it.deliveries.map((one) => [one.message.id, one.site])).toEqual([['m1', 'mx:d.test']]);
    const { recipients } = await queue.list({}, { limit: 10 });
    expect(recipients.map((one) => one.attempts)).toEqual([0, 0, 0]);
    expect(await queue.resume({ kind: 'domain', value: 'B.test' })).toBe(true);
    expect(await queue.resume({ kind: 'site', value: 'mx:c.test' })).toBe(true);
    expect(await queue.resume({ kind: 'site', value: 'mx:c.test' })).toBe(false);
    await it.clock.settle();
    expect(it.settled).toHaveLength(3);
    await queue.resume({ kind: 'account', value: 'eve' });
    await it.clock.advance(15 * minute);
    expect(it.settled).toHaveLength(4);
  });

  it('end by themselves, and are kept over a restart until then', async () => {
    const store = createMemoryQueueStore();
    const before = setUp(() => ({}), {}, {}, store);
    await before.scheduler.start();
    await before.scheduler.queue.suspend(
      { kind: 'domain', value: 'b.test' },
      { reason: 'asked', untilMs: startMs + 20 * minute },
    );
    const it = setUp(() => ({}), {}, {}, store);
    await it.scheduler.start();
    await it.put(sampleMessage('m1', [{ to: 'u@b.test' }]));
    await it.clock.advance(20 * minute - 1);
    expect(it.deliveries).toEqual([]);
    await it.clock.advance(minute);
    expect(it.settled).toHaveLength(1);
    expect(await it.scheduler.queue.suspensions()).toEqual([]);
  });
});

describe('suspensions that several change', () => {
  it('are all kept when they come at once', async () => {
    const store = createMemoryQueueStore();
    const it = setUp(() => ({}), {}, {}, store);
    await it.scheduler.start();
    const { queue } = it.scheduler;
    const suspend = (value: string) => queue.suspend({ kind: 'tenant', value }, { reason: 'asked' });
    await Promise.all(['a', 'b'].map(suspend));
    const target = { kind: 'tenant', value: 'a' } as const;
    const [isResumed] = await Promise.all([queue.resume(target), suspend('c'), suspend('d'), suspend('d')]);
    expect(isResumed).toBe(true);
    const again = setUp(() => ({}), {}, {}, store);
    await again.scheduler.start();
    for (const of of [queue, again.scheduler.queue]) {
      expect((await of.suspensions()).map((one) => one.value)).toEqual(['b', 'c', 'd']);
    }
  });

  it('take out of memory what they are about, and leave the rest of the line', async () => {
    const first = gate();
    const it = setUp((request) => (request.message.id === 'm1' ? first.promise : {}), {
      deliveriesPerSiteMax: 1,
    });
    await it.scheduler.start();
    for (const id of ['m1', 'm2', 'm4']) await it.put(sampleMessage(id, [{ to: 'u@b.test' }]));
    const { origin } = sampleMessage('x', []);
    await it.put(sampleMessage('m3', [{ to: 'u@b.test' }], { origin: { ...origin, campaign: 'may' } }));
    await it.scheduler.queue.suspend({ kind: 'campaign', value: 'may' }, { reason: 'asked' });
    first.resolve({});
    await it.clock.settle();
    expect(it.settled.map((one) => one.message.id)).toEqual(['m1', 'm2', 'm4']);
    expect((await it.store.count()).byState).toMatchObject({ waiting: 1, leased: 0 });
  });

  it('hold for all processes of a shared queue, whoever made them', async () => {
    const kept = createMemoryQueueStore();
    let isDown = false;
    const exchange = async (name: string, was: string | undefined, fact: string | undefined) => {
      if ((await kept.recall(name)) !== was) return false;
      await kept.remember(name, fact);
      return true;
    };
    const recall = async (name: string) => {
      if (isDown) throw new Error('no connection');
      return await kept.recall(name);
    };
    const store: QueueStore = { ...kept, isShared: true, exchange, recall };
    const first = gate();
    const one = setUp(
      (request) => (request.message.id === 'm1' ? first.promise : {}),
      { deliveriesPerSiteMax: 1 },
      {},
      store,
    );
    const other = setUp(() => ({}), {}, {}, store);
    await one.scheduler.start();
    await other.scheduler.start();
    await one.put(sampleMessage('m1', [{ to: 'u@b.test' }]));
    await one.put(sampleMessage('m2', [{ to: 'u@b.test' }]));
    // Neither has seen yet what the other did.
    await other.scheduler.queue.suspend({ kind: 'domain', value: 'b.test' }, { reason: 'asked' });
    await one.scheduler.queue.suspend({ kind: 'domain', value: 'c.test' }, { reason: 'asked' });
    isDown = true;
    await one.clock.advance(5_000);
    isDown = false;
    await one.clock.advance(5_000);
    first.resolve({});
    await one.clock.settle();
    // What waited in memory is not begun.
    expect(one.deliveries.map(({ message }) => message.id)).toEqual(['m1']);
    await other.clock.advance(5_000);
    for (const { scheduler } of [one, other]) {
      expect((await scheduler.queue.suspensions()).map(({ value }) => value)).toEqual(['b.test', 'c.test']);
    }
    expect(await one.scheduler.queue.resume({ kind: 'domain', value: 'b.test' })).toBe(true);
    await other.clock.advance(5_000);
    expect(await other.scheduler.queue.suspensions()).toHaveLength(1);
    await Promise.all([one.scheduler.drain(0), other.scheduler.drain(0)]);
    expect([one.clock.timers, other.clock.timers]).toEqual([0, 0]);
  });
});

describe('the trace of a message', () => {
  it('tells where it came from, each try with the words of the remote, and the end', async () => {
    let isUp = false;
    const it = setUp(() => (isUp ? {} : { ...deferred, remote: { name: 'mx.b.test' } }));
    await it.scheduler.start();
    await it.put(
      sampleMessage('m1', [{ to: 'bob@b.test' }], { headerPrefix: 'Message-ID: <1@example.org>\r\n' }),
    );
    isUp = true;
    await it.clock.advance(minute);
    for (const query of ['m1', '1@EXAMPLE.org', '<1@example.org>', 'bob@b.test', 'alice@example.org']) {
      const traces = await it.scheduler.queue.trace(query);
      expect(traces.map((one) => one.messageId)).toEqual(['m1']);
      expect(traces[0]?.entries).toMatchObject([
        { event: 'queued', atMs: startMs, detail: 'by esmtp from 127.0.0.1' },
        { event: 'deferred', recipient: 'bob@b.test', reply: '451 4.4.1 busy', remote: 'mx.b.test' },
        { event: 'delivered', recipient: 'bob@b.test', site: 'mx:b.test', reply: '250 2.0.0 ok' },
      ]);
    }
    expect(await it.scheduler.queue.trace('nobody@b.test')).toEqual([]);
    expect(await it.scheduler.queue.trace('')).toEqual([]);
  });
});
