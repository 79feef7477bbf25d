import { describe, expect, it } from 'vitest';
import { MailError } from '../../errors.js';
import { createMemoryQueueStore } from '../../memory/memory-queue-store.js';
import type { QueueStore } from '../../services/queue-store.js';
import { sampleMessage } from '../../testing/sample-message.js';
import { minute, setUp, startMs } from '../../testing/scheduler-harness.js';

/** A scheduler over a store with two messages, of which the first is read like this. */
async function reading(first: () => Promise<undefined>) {
  const kept = createMemoryQueueStore();
  const message: QueueStore['message'] = (id) => (id === 'm1' ? first() : kept.message(id));
  const it = setUp(() => ({}), {}, {}, { ...kept, message });
  for (const id of ['m1', 'm2']) await kept.put(sampleMessage(id, [{ to: 'bob@b.test' }]));
  await it.scheduler.start();
  await it.clock.settle();
  const recipient = async () => (await kept.range({ messageId: 'm1' }, { limit: 1 })).recipients[0];
  return { it, recipient };
}

describe('what is fetched from the store', () => {
  it('is set aside when its message is gone or can not be read, and the rest goes on', async () => {
    const gone = await reading(async () => undefined);
    const torn = await reading(() => Promise.reject(new MailError('E_QUEUE_RECORD', 'torn')));
    for (const [{ it, recipient }, holdReason] of [
      [gone, 'the message is gone'],
      [torn, 'its record could not be read'],
    ] as const) {
      expect(it.settled.map((one) => one.message.id)).toEqual(['m2']);
      expect(await recipient()).toMatchObject({ state: 'held', holdReason });
    }
  });

  it('is asked for again when it could not be read for now, and no try is counted', async () => {
    let failures = 2;
    const kept = createMemoryQueueStore();
    const message: QueueStore['message'] = (id) =>
      failures-- > 0 ? Promise.reject(new Error('busy')) : kept.message(id);
    const it = setUp(() => ({}), {}, {}, { ...kept, message });
    await kept.put(sampleMessage('m1', [{ to: 'bob@b.test' }]));
    await it.scheduler.start();
    await it.clock.advance(2_100);
    expect(it.settled[0]?.recipient.attempts).toBe(1);
  });

  it('is asked for again when the store could not be asked', async () => {
    let failures = 2;
    const kept = createMemoryQueueStore();
    const lease: QueueStore['lease'] = async (request) => {
      if (failures-- > 0) throw new Error('no connection');
      return await kept.lease(request);
    };
    const it = setUp(() => ({}), {}, {}, { ...kept, lease });
    await kept.put(sampleMessage('m1', [{ to: 'bob@b.test' }]));
    await it.scheduler.start();
    await it.clock.advance(2_100);
    expect(it.settled).toHaveLength(1);
  });

  it('is found within a minute when a lease of somebody who is gone is over', async () => {
    const store = createMemoryQueueStore();
    const it = setUp(() => ({}), {}, {}, store);
    await it.scheduler.start();
    await store.put(sampleMessage('m1', [{ to: 'bob@b.test' }]), {
      owner: 'gone',
      untilMs: startMs + 90_000,
    });
    await it.clock.advance(90_000 - 1);
    expect(it.deliveries).toEqual([]);
    await it.clock.advance(minute);
    expect(it.settled).toHaveLength(1);
  });
});
