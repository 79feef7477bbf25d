import { describe, expect, it } from 'vitest';
import { sampleMessage } from '../../testing/sample-message.js';
import { deferred, gate, minute, setUp, startMs } from '../../testing/scheduler-harness.js';
import { reply } from '../../values/reply.js';

const { origin } = sampleMessage('x', []);

function ofTenant(id: string, tenant: string, to = `u@${id}.test`) {
  return sampleMessage(id, [{ to }], { origin: { ...origin, accountId: 'eve', tenant } });
}

describe('limits across sites', () => {
  it('keep each tenant to its rate, and hold up nobody else', async () => {
    const times: Record<string, number[]> = {};
    const it = setUp(
      (request) => {
        const tenant = request.message.origin.tenant ?? '';
        times[tenant] = [...(times[tenant] ?? []), request.startedAtMs - startMs];
        return {};
      },
      { limits: [{ per: ['tenant'], messages: { count: 60, perMs: 60 * minute, burst: 3 } }] },
    );
    await it.scheduler.start();
    // Of each tenant to sites of their own and to one that they share.
    for (let at = 0; at < 12; at++) {
      await it.put(ofTenant(`a${at}`, 'a', at % 2 === 0 ? 'u@shared.test' : `u@a${at}.test`));
    }
    for (let at = 0; at < 3; at++) await it.put(ofTenant(`b${at}`, 'b', 'u@shared.test'));
    await it.clock.advance(20 * minute);
    expect(times.b).toEqual([0, 0, 0]);
    expect(times.a).toHaveLength(12);
    for (const [at, atMs] of (times.a ?? []).entries()) {
      const dueMs = Math.max(0, at - 2) * minute;
      expect(atMs).toBeGreaterThanOrEqual(dueMs);
      expect(atMs).toBeLessThanOrEqual(dueMs + 2 * minute);
    }
    const { recipients } = await it.scheduler.queue.list({}, { limit: 1 });
    expect(recipients).toEqual([]);
    expect(it.settled.every((one) => one.recipient.attempts === 1)).toBe(true);
  });

  it('count deliveries at once of a domain, a campaign, octets and recipients', async () => {
    const gates = [gate(), gate(), gate()];
    let begun = 0;
    const it = setUp(() => gates[begun++]?.promise ?? {}, {
      limits: [
        { domain: 'big.*', deliveriesMax: 2 },
        { campaign: 'may', octets: { count: 1000, perMs: minute } },
        { site: 'mx:few.test', recipients: { count: 2, perMs: minute } },
      ],
    });
    await it.scheduler.start();
    for (let at = 0; at < 3; at++) await it.put(sampleMessage(`m${at}`, [{ to: 'u@big.test' }]));
    expect(it.deliveries.map((one) => one.message.id)).toEqual(['m0', 'm1']);
    await it.put(sampleMessage('n0', [{ to: 'u@other.test' }]));
    expect(it.deliveries).toHaveLength(3);
    gates[0]?.resolve({});
    await it.clock.settle();
    expect(it.deliveries.map((one) => one.message.id)).toEqual(['m0', 'm1', 'n0', 'm2']);
    const may = { origin: { ...origin, campaign: 'may' }, headerPrefix: `X: ${'x'.repeat(1100)}\r\n` };
    await it.put(sampleMessage('c0', [{ to: 'u@c.test' }], may));
    await it.put(sampleMessage('c1', [{ to: 'u@d.test' }], may));
    for (const id of ['f0', 'f1', 'f2']) await it.put(sampleMessage(id, [{ to: 'u@few.test' }]));
    const ids = () => it.deliveries.slice(4).map((one) => one.message.id);
    expect(ids()).toEqual(['c0', 'f0', 'f1']);
    await it.clock.advance(2 * minute);
    expect(ids().sort()).toEqual(['c0', 'c1', 'f0', 'f1', 'f2']);
  });
});

describe('what a server answers', () => {
  it('pauses its site, or makes it slower for a while', async () => {
    const busy = { status: 'deferred', reply: reply(421, '7.0', 'Too many from you') } as const;
    let isBusy = true;
    const it = setUp(() => (isBusy ? busy : {}), {
      retryDelaysMs: [minute],
      replies: [{ match: '421*TOO MANY*', site: 'mx:b*', pauseSiteMs: 30 * minute }],
    });
    await it.scheduler.start();
    await it.put(sampleMessage('m1', [{ to: 'u@b.test' }]));
    isBusy = false;
    await it.put(sampleMessage('m2', [{ to: 'u@b.test' }]));
    await it.put(sampleMessage('m3', [{ to: 'u@c.test' }]));
    expect(it.deliveries.map((one) => one.message.id)).toEqual(['m1', 'm3']);
    const { recipients } = await it.scheduler.queue.list({ messageId: 'm2' }, { limit: 1 });
    expect(recipients[0]).toMatchObject({ state: 'waiting', dueAtMs: startMs + 30 * minute });
    await it.clock.advance(29 * minute);
    expect(it.deliveries).toHaveLength(2);
    await it.clock.advance(3 * minute);
    expect(it.settled).toHaveLength(3);
  });

  it('pauses its site also when others get through that began before', async () => {
    const first = gate();
    const slower = { status: 'deferred', reply: reply(450, '7.1', 'slower please') } as const;
    const it = setUp(
      ({ message, recipients }) => {
        if (message.id === 'm1') return first.promise;
        return message.id === 'm2' && recipients[0]?.attempts === 1 ? slower : {};
      },
      { replies: [{ match: '*slower*', pauseSiteMs: 30 * minute }] },
    );
    await it.scheduler.start();
    for (const id of ['m1', 'm2']) await it.put(sampleMessage(id, [{ to: 'u@b.test' }]));
    first.resolve({});
    await it.clock.settle();
    await it.put(sampleMessage('m3', [{ to: 'u@b.test' }]));
    await it.clock.advance(29 * minute);
    expect(it.deliveries.map((one) => one.message.id)).toEqual(['m1', 'm2']);
    await it.clock.advance(5 * minute);
    expect(it.settled).toHaveLength(3);
  });

  it('lowers the number of deliveries at once', async () => {
    const never = gate();
    let isFirst = true;
    const it = setUp(
      () => {
        if (!isFirst) return never.promise;
        isFirst = false;
        return { ...deferred, reply: reply(451, '7.1', 'slow down please') };
      },
      { replies: [{ match: '*slow down*', slow: { deliveriesMax: 1, forMs: 10 * minute } }] },
    );
    await it.scheduler.start();
    for (const id of ['m1', 'm2', 'm3', 'm4']) await it.put(sampleMessage(id, [{ to: 'u@b.test' }]));
    expect(it.deliveries.map((one) => one.message.id)).toEqual(['m1', 'm2']);
  });

  it('suspends no strangers, and means nothing where the message was taken', async () => {
    const it = setUp(({ site }) => (site === 'mx:spam.test' ? deferred : {}), {
      replies: [
        { match: '4*', suspendTenantMs: 60 * minute },
        { match: '250 *', pauseSiteMs: 60 * minute },
      ],
    });
    await it.scheduler.start();
    await it.put(sampleMessage('m1', [{ to: 'u@spam.test' }]));
    for (const id of ['m2', 'm3']) await it.put(sampleMessage(id, [{ to: 'u@b.test' }]));
    expect(it.settled.map((one) => one.message.id)).toEqual(['m2', 'm3']);
    expect(await it.scheduler.queue.suspensions()).toEqual([]);
  });

  it('suspends the tenant that it complains of, gives up, or sets other waits', async () => {
    const it = setUp(
      ({ site }) => {
        if (site === 'mx:spam.test')
          return { ...deferred, reply: reply(451, '7.1', 'spam from your customer') };
        if (site === 'mx:gone.test') return { ...deferred, reply: reply(450, '2.1', 'mailbox disabled') };
        return site === 'mx:grey.test' && it.clock.now() < startMs + 10_000
          ? { ...deferred, reply: reply(451, '7.1', 'greylisted') }
          : {};
      },
      {
        replies: [
          { match: '*spam*', suspendTenantMs: 60 * minute },
          { match: '450 4.2.1 *', giveUp: true },
          { match: '*greylisted', retryDelaysMs: [10_000] },
        ],
      },
    );
    await it.scheduler.start();
    await it.put(ofTenant('m1', 'shop', 'u@spam.test'));
    await it.put(ofTenant('m2', 'shop', 'u@fine.test'));
    await it.put(ofTenant('m3', 'other', 'u@fine.test'));
    await it.put(sampleMessage('m4', [{ to: 'u@gone.test' }]));
    await it.put(sampleMessage('m5', [{ to: 'u@grey.test' }]));
    await it.clock.advance(10_000);
    const ended = it.settled.filter((one) => one.message.id.startsWith('m'));
    expect(ended.map((one) => [one.message.id, one.status])).toEqual([
      ['m3', 'delivered'],
      ['m4', 'bounced'],
      ['m5', 'delivered'],
    ]);
    const [suspension] = await it.scheduler.queue.suspensions();
    expect(suspension).toMatchObject({ kind: 'tenant', value: 'shop' });
    expect(suspension?.reason).toContain('spam from your customer');
    await it.clock.advance(70 * minute);
    expect(it.settled.map((one) => one.message.id)).toContain('m2');
  });
});

describe('a delivery that is postponed', () => {
  it('waits until then and counts as no try', async () => {
    let isEarly = true;
    let tried = 0;
    const it = setUp(
      () => ({}),
      {},
      {
        attempted: () => void tried++,
        async deliver(request) {
          const postponedUntilMs = startMs + 5 * minute;
          if (isEarly) return { outcomes: [], postponedUntilMs };
          return {
            outcomes: request.recipients.map(({ index }) => ({
              index,
              status: 'delivered' as const,
              reply: reply(250, '0.0', 'ok'),
            })),
          };
        },
      },
    );
    await it.scheduler.start();
    await it.put(sampleMessage('m1', [{ to: 'u@b.test' }]));
    const { recipients } = await it.scheduler.queue.list({}, { limit: 1 });
    expect(recipients[0]).toMatchObject({ state: 'waiting', dueAtMs: startMs + 5 * minute, attempts: 0 });
    expect(tried).toBe(0);
    isEarly = false;
    await it.clock.advance(5 * minute);
    expect(tried).toBe(1);
    expect(it.settled[0]?.recipient.attempts).toBe(1);
  });
});
