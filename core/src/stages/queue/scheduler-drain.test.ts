import { describe, expect, it } from 'vitest';
import { createMemoryQueueStore } from '../../memory/memory-queue-store.js';
import type { QueueStore } from '../../services/queue-store.js';
import { sampleMessage } from '../../testing/sample-message.js';
import { gate, minute, setUp } from '../../testing/scheduler-harness.js';

describe('scheduler, drain', () => {
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

  it('gives back what the store gave while it began', async () => {
    const kept = createMemoryQueueStore();
    const open = gate();
    const lease: QueueStore['lease'] = async (request) => {
      await open.promise;
      return kept.lease(request);
    };
    const it = setUp(() => ({}), {}, {}, { ...kept, lease });
    await it.store.put(sampleMessage('m1', [{ to: 'bob@b.test' }]));
    await it.scheduler.start();
    const drained = it.scheduler.drain(minute);
    open.resolve({});
    await drained;
    await it.clock.settle();
    expect(it.deliveries).toEqual([]);
    const { recipients } = await it.store.range({}, { limit: 10 });
    expect(recipients).toMatchObject([{ state: 'ready', attempts: 0, unsettledAttempts: 0 }]);
  });

  it('tells nobody of what could not be written', async () => {
    const kept = createMemoryQueueStore();
    const settle: QueueStore['settle'] = () => Promise.reject(new Error('disk full'));
    const it = setUp(() => ({}), {}, {}, { ...kept, settle });
    await it.scheduler.start();
    await it.put(sampleMessage('m1', [{ to: 'bob@b.test' }]));
    const drained = it.scheduler.drain(1_000);
    await it.clock.advance(1_000);
    await drained;
    expect(it.deliveries).toHaveLength(1);
    expect(it.settled).toEqual([]);
    // The next process finds it.
    expect((await kept.count()).byState.leased).toBe(1);
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
});
