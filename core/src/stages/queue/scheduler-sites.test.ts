import { describe, expect, it } from 'vitest';
import { sampleMessage } from '../../testing/sample-message.js';
import { gate, minute, setUp, startMs } from '../../testing/scheduler-harness.js';
import { reply } from '../../values/reply.js';

const refused = { status: 'deferred', reply: reply(451, '4.1', 'connection refused') } as const;

describe('scheduler, sites', () => {
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

  it('leaves most of a slow site in the store, and with it room for others', async () => {
    const slow = gate();
    const it = setUp(({ site }) => (site === 'mx:slow.test' ? slow.promise : {}), { deliveriesMax: 4 });
    await it.scheduler.start();
    const to = Array.from({ length: 900 }, (_, at) => ({ to: `u${at}@slow.test` }));
    await it.put(sampleMessage('m1', to));
    const { leased, ready } = (await it.store.count()).byState;
    expect(leased).toBeLessThanOrEqual(500);
    expect(leased + ready).toBe(900);
    await it.put(
      sampleMessage(
        'm2',
        to.slice(0, 500).map(({ to: one }) => ({ to: one.replace('slow', 'quick') })),
      ),
    );
    expect(it.settled).toHaveLength(500);
    slow.resolve({});
    await it.clock.advance(minute);
    expect(it.settled).toHaveLength(1_400);
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
    // One of them probes; the other waits for what it brings.
    expect(sent).toEqual([0, 10 * minute]);
  });

  it('leaves a dead site alone for no longer than the retries wait', async () => {
    let isUp = false;
    const it = setUp(() => (isUp ? {} : refused), { retryDelaysMs: [500], retryJitter: 0 });
    await it.scheduler.start();
    await it.put(sampleMessage('m1', [{ to: 'bob@b.test' }]));
    await it.clock.advance(10_000);
    expect(it.deliveries.length).toBeGreaterThan(10);
    isUp = true;
    await it.clock.advance(1_100);
    expect(it.settled).toHaveLength(1);
  });

  it('stops trying a site that is dead, and probes it with one delivery', async () => {
    let isUp = false;
    const it = setUp(() => (isUp ? {} : refused));
    await it.scheduler.start();
    for (let at = 0; at < 30; at++) await it.put(sampleMessage(`m${at}`, [{ to: 'bob@b.test' }]));
    const before = it.deliveries.length;
    expect(before).toBe(3);
    // The others were deferred as if they had been tried, and wait by the schedule.
    expect((await it.store.count()).byState).toMatchObject({ waiting: 30, leased: 0 });
    const { recipients } = await it.store.range({}, { limit: 30 });
    expect(recipients.every((one) => one.lastReply?.text === 'connection refused')).toBe(true);
    await it.clock.advance(7 * minute);
    expect(it.deliveries.length - before).toBeLessThan(8);
    isUp = true;
    await it.clock.advance(60 * minute);
    expect(it.settled).toHaveLength(30);
  });

  it('gives up on recipients of a dead site in time', async () => {
    const it = setUp((request) => (request.message.reversePath === null ? {} : refused));
    await it.scheduler.start();
    for (let at = 0; at < 60; at++) await it.put(sampleMessage(`m${at}`, [{ to: 'bob@b.test' }]));
    await it.clock.advance(5 * 24 * 60 * minute + minute);
    expect(it.settled.filter((one) => one.status === 'expired')).toHaveLength(60);
    expect(it.deliveries.filter((one) => one.site === 'mx:b.test').length).toBeLessThan(400);
  });

  it('never leaves its own mailboxes alone', async () => {
    const route = (_message: unknown, { address }: { readonly address: { readonly localPart: string } }) =>
      ({ transport: 'local', accountId: address.localPart }) as const;
    const it = setUp(({ message }) => (message.id === 'm9' ? {} : refused), {}, { route });
    await it.scheduler.start();
    for (let at = 0; at < 10; at++) await it.put(sampleMessage(`m${at}`, [{ to: `u${at}@b.test` }]));
    expect(it.deliveries).toHaveLength(10);
    expect(it.settled).toHaveLength(1);
  });

  it('does not take one deferred recipient for a dead site', async () => {
    const greylisted = { status: 'deferred', reply: reply(451, '7.1', 'greylisted') } as const;
    const it = setUp((request) => (request.recipients[0]?.attempts === 1 ? greylisted : {}));
    await it.scheduler.start();
    for (let at = 0; at < 30; at++) await it.put(sampleMessage(`m${at}`, [{ to: 'bob@b.test' }]));
    expect(it.deliveries).toHaveLength(30);
    await it.clock.advance(minute);
    expect(it.settled).toHaveLength(30);
  });

  it('opens few deliveries to a site that it does not know, and more when it goes well', async () => {
    let active = 0;
    let most = 0;
    let open = gate();
    const it = setUp(async () => {
      most = Math.max(most, ++active);
      await open.promise;
      active--;
      return {};
    });
    await it.scheduler.start();
    for (let at = 0; at < 60; at++) await it.put(sampleMessage(`m${at}`, [{ to: 'bob@b.test' }]));
    expect(most).toBe(5);
    const first = open;
    open = gate();
    first.resolve({});
    await it.clock.settle();
    expect(most).toBe(10);
    open.resolve({});
    await it.clock.settle();
    expect(most).toBeLessThanOrEqual(20);
    expect(it.settled).toHaveLength(60);
  });

  it('keeps to the rates of the rules', async () => {
    const it = setUp(() => ({}), {
      sites: [{ match: 'mx:b.*', rate: { recipients: 10, perMs: minute, burst: 2 } }],
    });
    await it.scheduler.start();
    for (let at = 0; at < 12; at++) await it.put(sampleMessage(`m${at}`, [{ to: 'bob@b.test' }]));
    await it.put(sampleMessage('other', [{ to: 'bob@c.test' }]));
    expect(it.deliveries.map((one) => one.site)).toEqual(['mx:b.test', 'mx:b.test', 'mx:c.test']);
    await it.clock.advance(minute);
    const times = it.deliveries
      .filter((one) => one.site === 'mx:b.test')
      .map((one) => one.startedAtMs - startMs);
    expect(times).toEqual([0, 0, ...Array.from({ length: 10 }, (_, at) => 6000 * (at + 1))]);
  });

  it('lets senders take turns at a site, and the urgent go first', async () => {
    const order: string[] = [];
    const open = gate();
    const it = setUp(
      async (request) => {
        order.push(request.message.id);
        if (request.message.id === 'first') await open.promise;
        return {};
      },
      { deliveriesPerSiteMax: 1 },
    );
    await it.scheduler.start();
    const from = (accountId: string, priority = 0) => {
      const sample = sampleMessage('x', []);
      return {
        origin: { ...sample.origin, accountId },
        parameters: { ...sample.parameters, priority },
      };
    };
    await it.put(sampleMessage('first', [{ to: 'bob@b.test' }]));
    for (const id of ['a1', 'a2', 'a3']) await it.put(sampleMessage(id, [{ to: 'bob@b.test' }], from('a')));
    await it.put(sampleMessage('a4', [{ to: 'bob@b.test' }], from('a', 5)));
    for (const id of ['b1', 'b2']) await it.put(sampleMessage(id, [{ to: 'bob@b.test' }], from('b')));
    open.resolve({});
    await it.clock.settle();
    expect(order).toEqual(['first', 'a4', 'b1', 'a1', 'b2', 'a2', 'a3']);
  });

  it('ends recipients that wait behind deliveries that hang', async () => {
    const it = setUp((request) => (request.message.reversePath === null ? {} : new Promise(() => {})), {
      deliveriesPerSiteMax: 1,
      leaseMs: 30 * minute,
    });
    await it.scheduler.start();
    const expiresAtMs = startMs + 60 * minute;
    for (let at = 0; at < 5; at++) {
      await it.put(sampleMessage(`m${at}`, [{ to: 'bob@b.test' }], { expiresAtMs }));
    }
    await it.clock.advance(120 * minute);
    expect(it.settled.filter((one) => one.status === 'expired')).toHaveLength(5);
  });
});
