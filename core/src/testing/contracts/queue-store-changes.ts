/** The part of the queue store contract about what changes recipients after they were put. */
import { expect, it } from 'vitest';
import type { QueueStore } from '../../services/queue-store.js';
import { reply } from '../../values/reply.js';
import { sampleMessage } from '../sample-message.js';
import { type Fresh, lease, nowMs, owner, request, whom } from './queue-store-kit.js';

/** Operators. */
export function operating(fresh: Fresh): void {
  it('lists in pages', async () => {
    const { store } = await fresh();
    await store.put(sampleMessage('m2', [{ to: 'c@b.test' }]));
    await store.put(sampleMessage('m1', [{ to: 'a@b.test' }, { to: 'b@b.test' }]), lease);
    const first = await store.range({}, { limit: 2 });
    expect(whom(first.recipients)).toEqual(['m1/a', 'm1/b']);
    const second = await store.range({}, { limit: 2, after: first.next as string });
    expect(whom(second.recipients)).toEqual(['m2/c']);
    expect(second.next).toBeUndefined();
  });

  it('finds by every field of the filter', async () => {
    const { store } = await fresh();
    await store.put(sampleMessage('m1', [{ to: 'a@b.test', site: 'mx:b.test' }, { to: 'x@c.test' }]), lease);
    await store.put(sampleMessage('m2', [{ to: 'a@b.test', holdReason: 'odd' }], { reversePath: null }));
    const find = async (filter: Parameters<QueueStore['range']>[0]): Promise<string[]> =>
      whom((await store.range(filter, { limit: 10 })).recipients);
    expect(await find({ messageId: 'm1' })).toEqual(['m1/a', 'm1/x']);
    expect(await find({ state: 'held' })).toEqual(['m2/a']);
    expect(await find({ site: 'mx:b.test' })).toEqual(['m1/a']);
    expect(await find({ domain: 'c.test' })).toEqual(['m1/x']);
    expect(await find({ recipient: 'A@b.test' })).toEqual(['m1/a', 'm2/a']);
    expect(await find({ sender: '' })).toEqual(['m2/a']);
    expect(await find({ sender: 'alice@example.org', domain: 'b.test' })).toEqual(['m1/a']);
    expect(await store.count({ domain: 'b.test' })).toEqual({
      messages: 2,
      recipients: 2,
      byState: { ready: 0, waiting: 0, leased: 1, held: 1 },
    });
  });

  it('finds by what the message is', async () => {
    const { store } = await fresh();
    const { origin } = sampleMessage('x', []);
    const news = { ...origin, accountId: 'eve', tenant: 'shop', campaign: 'may', remoteAddress: '192.0.2.1' };
    await store.put(sampleMessage('m1', [{ to: 'a@b.test' }], { origin: news }), lease);
    await store.put(
      sampleMessage('m2', [{ to: 'a@b.test' }], {
        origin: { ...origin, accountId: 'bob', listener: 'other' },
        receivedAtMs: nowMs + 1000,
        reversePath: null,
      }),
    );
    await store.settle(owner, [
      { messageId: 'm1', index: 0, to: 'waiting', dueAtMs: nowMs + 9, lastReply: reply(451, '4.1', 'Busy') },
    ]);
    const find = async (filter: Parameters<QueueStore['range']>[0]): Promise<string[]> =>
      whom((await store.range(filter, { limit: 10 })).recipients);
    for (const filter of [
      { account: 'eve' },
      { tenant: 'shop' },
      { campaign: 'may' },
      { remoteAddress: '192.0.2.1' },
      { listener: 'test' },
      { senderDomain: 'Example.org' },
      { receivedBeforeMs: nowMs + 500 },
      { attemptsMin: 1 },
      { reply: 'BUSY' },
    ]) {
      expect([filter, await find(filter)]).toEqual([filter, ['m1/a']]);
    }
    // Without a tenant of its own the account is the tenant.
    expect(await find({ tenant: 'bob' })).toEqual(['m2/a']);
    expect(await find({ senderDomain: '' })).toEqual(['m2/a']);
    expect(await find({ campaign: 'june' })).toEqual([]);
  });

  it('keeps the way that a new recipient comes with', async () => {
    const { store } = await fresh();
    const redirect = { transport: 'custom', name: 'http', target: 'events' } as const;
    await store.put(sampleMessage('m1', [{ to: 'a@b.test', redirect }]));
    expect((await store.lease(request()))[0]?.redirect).toEqual(redirect);
  });

  it('sends another way, and by the usual way again', async () => {
    const { store } = await fresh();
    await store.put(sampleMessage('m1', [{ to: 'a@b.test', dueAtMs: nowMs + 99_999, site: 'mx:b.test' }]));
    const route = { transport: 'smtp', host: 'backup.test', port: 25 } as const;
    expect(await store.change({}, { action: 'redirect', route, nowMs })).toBe(1);
    const [leased] = await store.lease(request());
    expect(leased).toMatchObject({ redirect: route, site: 'new' });
    await store.settle(owner, [{ messageId: 'm1', index: 0, to: 'held', dueAtMs: 0, holdReason: 'odd' }]);
    await store.change({}, { action: 'redirect', nowMs });
    const { recipients } = await store.range({}, { limit: 1 });
    expect(recipients[0]).toMatchObject({ state: 'held', holdReason: 'odd' });
    expect(recipients[0]?.redirect).toBeUndefined();
  });

  it('holds and releases', async () => {
    const { store } = await fresh();
    await store.put(sampleMessage('m1', [{ to: 'bob@b.test' }]));
    expect(await store.change({ messageId: 'm1' }, { action: 'hold', reason: 'odd' })).toBe(1);
    expect(await store.lease(request())).toEqual([]);
    expect((await store.range({}, { limit: 1 })).recipients[0]).toMatchObject({
      state: 'held',
      holdReason: 'odd',
    });
    expect(await store.change({}, { action: 'release', nowMs })).toBe(1);
    expect(await store.change({}, { action: 'release', nowMs })).toBe(0);
    const [released] = await store.lease(request());
    expect(released?.holdReason).toBeUndefined();
  });

  it('makes waiting recipients due', async () => {
    const { store } = await fresh();
    await store.put(sampleMessage('m1', [{ to: 'bob@b.test', dueAtMs: nowMs + 99_999 }]));
    expect(await store.change({ domain: 'b.test' }, { action: 'retry', nowMs })).toBe(1);
    expect(await store.lease(request())).toHaveLength(1);
  });

  it('deletes, also the message with its last recipient', async () => {
    const { store } = await fresh();
    await store.put(sampleMessage('m1', [{ to: 'bob@b.test' }, { to: 'carol@c.test' }]));
    expect(await store.change({ recipient: 'bob@b.test' }, { action: 'delete' })).toBe(1);
    expect(await store.message('m1')).toBeDefined();
    expect(await store.change({}, { action: 'delete' })).toBe(1);
    expect(await store.message('m1')).toBeUndefined();
    expect(await store.lease(request())).toEqual([]);
  });

  it('applies a change to a leased recipient when its try has ended', async () => {
    const { store } = await fresh();
    await store.put(sampleMessage('m1', [{ to: 'bob@b.test' }, { to: 'carol@c.test' }]), lease);
    await store.change({ domain: 'b.test' }, { action: 'hold', reason: 'odd' });
    await store.change({ domain: 'c.test' }, { action: 'delete' });
    expect((await store.count()).byState.leased).toBe(2);
    await store.settle(owner, [
      { messageId: 'm1', index: 0, to: 'waiting', dueAtMs: nowMs + 1 },
      { messageId: 'm1', index: 1, to: 'waiting', dueAtMs: nowMs + 1 },
    ]);
    const { recipients } = await store.range({}, { limit: 10 });
    expect(recipients.map((one) => [one.index, one.state])).toEqual([[0, 'held']]);
  });
}

/** Starts. */
export function recovering(fresh: Fresh): void {
  it('keeps everything over a crash, and returns the leases of the one that is gone', async () => {
    const { store, reopen } = await fresh();
    await store.put(sampleMessage('m1', [{ to: 'bob@b.test' }]), lease);
    await store.put(sampleMessage('m2', [{ to: 'bob@b.test', dueAtMs: nowMs + 5000 }]));
    await store.put(sampleMessage('m3', [{ to: 'bob@b.test', holdReason: 'odd' }]));
    await store.remember('suspensions', '[]');
    const again = await reopen();
    const recovery = await again.start('owner-2', nowMs + 1000);
    expect(recovery).toEqual({ recovered: 1, quarantined: [] });
    expect((await again.count()).byState).toEqual({ ready: 1, waiting: 1, leased: 0, held: 1 });
    const [recovered] = await again.lease({
      nowMs: nowMs + 1000,
      limit: 10,
      lease: { owner: 'owner-2', untilMs: nowMs + 9000 },
    });
    expect(recovered).toMatchObject({ messageId: 'm1', attempts: 2, unsettledAttempts: 2 });
    expect(await again.recall('suspensions')).toBe('[]');
    await again.remember('suspensions', undefined);
    expect(await again.recall('suspensions')).toBeUndefined();
    expect((await again.message('m2'))?.headerPrefix).toBe('Received: from test\r\n');
    expect(await again.nextDueAtMs()).toBe(nowMs + 5000);
  });

  it('exchanges a fact only with what was read last, where several may change it', async () => {
    const { store } = await fresh();
    if (store.exchange === undefined) return;
    const exchange = (was: string | undefined, fact: string | undefined) => store.exchange?.('f', was, fact);
    expect(await exchange('[0]', '[1]')).toBe(false);
    expect(await exchange(undefined, '[1]')).toBe(true);
    expect(await exchange(undefined, '[2]')).toBe(false);
    // Of all who have read the same, one.
    const all = await Promise.all([2, 3, 4].map((to) => exchange('[1]', `[${to}]`)));
    expect(all.filter((is) => is)).toHaveLength(1);
    const now = await store.recall('f');
    expect(now).toBe(`[${all.indexOf(true) + 2}]`);
    expect(await exchange('[1]', undefined)).toBe(false);
    expect(await exchange(now, undefined)).toBe(true);
    expect(await store.recall('f')).toBeUndefined();
    expect(await exchange(undefined, undefined)).toBe(true);
  });

  it('leaves the leases of the one that starts again alone: a reload', async () => {
    const { store } = await fresh();
    await store.put(sampleMessage('m1', [{ to: 'bob@b.test' }]), lease);
    await store.put(sampleMessage('m2', [{ to: 'bob@b.test' }]), { ...lease, owner: 'gone' });
    expect((await store.start(owner, nowMs)).recovered).toBe(1);
    expect((await store.lease(request())).map((one) => one.messageId)).toEqual(['m2']);
    await store.settle(owner, [{ messageId: 'm1', index: 0, to: 'done' }]);
    expect(await store.count()).toMatchObject({ messages: 1, byState: { leased: 1 } });
  });
}
