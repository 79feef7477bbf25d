import { describe, expect, it } from 'vitest';
import { sampleMessage } from '../../testing/sample-message.js';
import { gate, minute, setUp } from '../../testing/scheduler-harness.js';
import { reply } from '../../values/reply.js';

const rollUp = {
  site: ({ domain }: { domain: string }) => (domain === 'away.test' ? undefined : 'mx:shared.test'),
};

describe('sites that domains share', () => {
  it('have their limits together', async () => {
    let active = 0;
    let activeMax = 0;
    const slow = gate();
    const of = setUp(
      async () => {
        activeMax = Math.max(activeMax, ++active);
        await slow.promise;
        active--;
        return {};
      },
      { sites: [{ match: 'mx:shared.*', deliveriesMax: 2 }] },
      rollUp,
    );
    await of.scheduler.start();
    for (let at = 0; at < 20; at++) await of.put(sampleMessage(`m${at}`, [{ to: `u@d${at}.test` }]));
    expect(active).toBe(2);
    slow.resolve({});
    await of.clock.advance(minute);
    expect(of.settled).toHaveLength(20);
    expect(activeMax).toBe(2);
    expect(new Set(of.deliveries.map(({ site }) => site))).toEqual(new Set(['mx:shared.test']));
    // Each domain is a transaction of its own.
    expect(of.deliveries).toHaveLength(20);
  });

  it('are dead together, while others are tried', async () => {
    const of = setUp(
      ({ site }) =>
        site === 'mx:shared.test' ? { status: 'deferred', reply: reply(451, '4.1', 'away') } : {},
      { retryDelaysMs: [30 * minute] },
      rollUp,
    );
    await of.scheduler.start();
    for (let at = 0; at < 10; at++) await of.put(sampleMessage(`m${at}`, [{ to: `u@d${at}.test` }]));
    await of.put(sampleMessage('other', [{ to: 'u@away.test' }]));
    expect(of.deliveries.filter(({ site }) => site === 'mx:shared.test')).toHaveLength(3);
    expect(of.deliveries.at(-1)?.site).toBe('mx:away.test');
    expect((await of.store.count({ site: 'mx:shared.test' })).recipients).toBe(10);
  });

  it('leave out a domain that an option names', async () => {
    const of = setUp(() => ({}), { sites: [{ match: 'mx:Own.test', deliveriesMax: 1 }] }, rollUp);
    await of.scheduler.start();
    await of.put(sampleMessage('m1', [{ to: 'u@own.test' }, { to: 'u@other.test' }]));
    expect(of.deliveries.map(({ site }) => site).sort()).toEqual(['mx:own.test', 'mx:shared.test']);
  });

  it('change with the domain: what waits is tried at the new one', async () => {
    let site = 'mx:old.test';
    const of = setUp(
      (request) =>
        request.site === 'mx:old.test' ? { status: 'deferred', reply: reply(450, '2.0', 'later') } : {},
      {},
      { site: async () => site },
    );
    await of.scheduler.start();
    await of.put(sampleMessage('m1', [{ to: 'u@a.test' }]));
    expect((await of.store.count({ site: 'mx:old.test' })).recipients).toBe(1);
    site = 'mx:new.test';
    await of.clock.advance(2 * minute);
    expect(of.settled).toHaveLength(1);
    expect(of.deliveries.at(-1)?.site).toBe('mx:new.test');
  });

  it('are a domain of its own when nobody knows, and when asking fails', async () => {
    const of = setUp(() => ({}), {}, { site: () => Promise.reject(new Error('broken')) });
    await of.scheduler.start();
    await of.put(sampleMessage('m1', [{ to: 'u@a.test' }]));
    expect(of.deliveries[0]?.site).toBe('mx:a.test');
  });

  it('show in what is told about an address', async () => {
    const of = setUp(() => ({}), {}, rollUp);
    await of.scheduler.start();
    const resolution = await of.scheduler.queue.resolve({ localPart: 'u', domain: 'a.test' });
    expect(resolution.site).toBe('mx:shared.test');
  });
});
