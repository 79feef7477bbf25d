import { expect, it } from 'vitest';
import { sampleMessage } from '../sample-message.js';
import { minute, setUp } from '../scheduler-harness.js';
import { createSeededRandom } from '../seeded-random.js';

const { origin, parameters } = sampleMessage('x', []);

// One sender has hundreds of messages for a site before the others come with a few: whatever the order of arrival and the
// size of the site's window, while all have something waiting nobody gets more than a turn more than another; and of one sender what waits goes by its priority (RFC 6710).
it.each(Array.from({ length: 40 }, (_, seed) => seed + 1))(
  'serves tenants in turn, seed %i',
  async (seed) => {
    const random = createSeededRandom(seed);
    const between = (from: number, to: number): number =>
      from + Math.floor(random.number() * (to - from + 1));
    const order: string[] = [];
    const priorities: number[] = [];
    const it = setUp(
      async (request) => {
        const { message } = request;
        order.push(message.origin.accountId ?? '');
        if (message.origin.accountId === 'eve') priorities.push(message.parameters.priority);
        await it.clock.sleep(between(100, 900));
        return {};
      },
      { deliveriesPerSiteMax: between(1, 6) },
    );
    await it.scheduler.start();
    const small = ['bob', 'carol', 'dave'].slice(0, between(1, 3));
    let number = 0;
    const send = async (accountId: string): Promise<void> => {
      const id = `m${String(number++).padStart(4, '0')}`;
      const message = sampleMessage(id, [{ to: 'u@b.test' }], {
        origin: { ...origin, accountId },
        parameters: { ...parameters, priority: between(-2, 2) },
      });
      const lease = it.scheduler.lease(1);
      it.scheduler.accept(message, await it.store.put(message, lease));
    };
    for (let at = 0; at < 200; at++) await send('eve');
    await it.clock.settle();
    const startedWith = order.length;
    const begunOfEve = priorities.length;
    const each = between(5, 15);
    for (let at = 0; at < each; at++) for (const tenant of small) await send(tenant);
    await it.clock.advance(10 * minute);
    expect(order).toHaveLength(200 + each * small.length);
    // All of hers were in the line by then.
    const late = priorities.slice(begunOfEve);
    expect(late).toEqual([...late].sort((a, b) => b - a));
    // From when the small ones came until the first of them was through.
    const counts = new Map<string, number>([['eve', 0], ...small.map((one) => [one, 0] as const)]);
    for (const tenant of order.slice(startedWith)) {
      counts.set(tenant, (counts.get(tenant) ?? 0) + 1);
      const waiting = [...counts].filter(([one, count]) => one === 'eve' || count < each);
      if (waiting.length <= small.length) break;
      const shares = waiting.map(([, count]) => count);
      expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(2);
    }
  },
);
