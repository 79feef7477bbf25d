/** The part of the queue store contract about what ends leases. */
import { expect, it } from 'vitest';
import { reply } from '../../values/reply.js';
import { sampleMessage } from '../sample-message.js';
import { type Fresh, lease, nowMs, owner, request, whom } from './queue-store-kit.js';

/** Settlements. */
export function settling(fresh: Fresh): void {
  it('removes what is done, and the message with its last recipient', async () => {
    const { store } = await fresh();
    await store.put(sampleMessage('m1', [{ to: 'bob@b.test' }, { to: 'carol@b.test' }]), lease);
    await store.settle(owner, [{ messageId: 'm1', index: 0, to: 'done' }]);
    expect(await store.message('m1')).toBeDefined();
    expect(whom((await store.range({}, { limit: 10 })).recipients)).toEqual(['m1/carol']);
    await store.settle(owner, [{ messageId: 'm1', index: 1, to: 'done' }]);
    expect(await store.message('m1')).toBeUndefined();
    expect(await store.count()).toMatchObject({ messages: 0, recipients: 0 });
  });

  it('keeps what a try left behind, and gives the recipient again when it is due', async () => {
    const { store } = await fresh();
    await store.put(sampleMessage('m1', [{ to: 'bob@b.test' }]), lease);
    const lastReply = reply(451, '4.1', 'busy');
    await store.settle(owner, [
      {
        messageId: 'm1',
        index: 0,
        to: 'waiting',
        dueAtMs: nowMs + 60_000,
        lastReply,
        lastRemote: 'mx.b.test',
        site: 'mx:b.test',
        isDelayTold: true,
      },
    ]);
    const { recipients } = await store.range({}, { limit: 1 });
    expect(recipients[0]).toMatchObject({
      state: 'waiting',
      dueAtMs: nowMs + 60_000,
      attempts: 1,
      unsettledAttempts: 0,
      lastReply,
      lastRemote: 'mx.b.test',
      site: 'mx:b.test',
      isDelayTold: true,
    });
    expect(recipients[0]?.leaseOwner).toBeUndefined();
    expect(await store.nextDueAtMs()).toBe(nowMs + 60_000);
    const [again] = await store.lease(request({ nowMs: nowMs + 60_000 }));
    expect(again).toMatchObject({ attempts: 2, unsettledAttempts: 1, lastReply });
  });

  it('takes back the attempt of a try that was not begun', async () => {
    const { store } = await fresh();
    await store.put(sampleMessage('m1', [{ to: 'bob@b.test' }]), lease);
    await store.settle(owner, [{ messageId: 'm1', index: 0, to: 'ready', dueAtMs: nowMs, isUntried: true }]);
    const { recipients } = await store.range({}, { limit: 1 });
    expect(recipients[0]).toMatchObject({ state: 'ready', attempts: 0, unsettledAttempts: 0 });
    expect(await store.lease(request())).toHaveLength(1);
  });

  it('ignores a settlement of a recipient that the owner does not hold', async () => {
    const { store } = await fresh();
    await store.put(sampleMessage('m1', [{ to: 'bob@b.test' }]), lease);
    await store.settle('stranger', [{ messageId: 'm1', index: 0, to: 'done' }]);
    await store.settle(owner, [{ messageId: 'gone', index: 0, to: 'done' }]);
    await store.settle(owner, [{ messageId: 'm1', index: 7, to: 'done' }]);
    expect(await store.count()).toMatchObject({ recipients: 1, byState: { leased: 1 } });
  });

  it('ignores a settlement of a lease that is over although the owner holds the recipient again', async () => {
    const { store } = await fresh();
    const until = (untilMs: number, token: string) => ({ owner, untilMs, token });
    const [first] = await store.put(
      sampleMessage('m1', [{ to: 'bob@b.test' }]),
      until(nowMs + 1000, 'token-1'),
    );
    expect(first?.leaseToken).toBe('token-1');
    const [again] = await store.lease(
      request({ nowMs: nowMs + 10_000, lease: until(nowMs + 60_000, 'token-2') }),
    );
    expect(again?.leaseToken).toBe('token-2');
    await store.settle(owner, [{ messageId: 'm1', index: 0, leaseToken: 'token-1', to: 'done' }]);
    expect(await store.count()).toMatchObject({ recipients: 1, byState: { leased: 1 } });
    const waiting = { to: 'waiting', dueAtMs: nowMs + 20_000 } as const;
    await store.settle(owner, [{ messageId: 'm1', index: 0, leaseToken: 'token-2', ...waiting }]);
    const { recipients } = await store.range({}, { limit: 1 });
    expect(recipients[0]).toMatchObject({ state: 'waiting', attempts: 2 });
    expect(recipients[0]?.leaseToken).toBeUndefined();
  });

  it('puts messages in with the settlement', async () => {
    const { store } = await fresh();
    await store.put(sampleMessage('m1', [{ to: 'bob@b.test' }]), lease);
    const dsn = sampleMessage('m2', [{ to: 'alice@example.org' }], { reversePath: null });
    await store.settle(owner, [{ messageId: 'm1', index: 0, to: 'done' }], [dsn]);
    expect(whom((await store.range({}, { limit: 10 })).recipients)).toEqual(['m2/alice']);
    expect(whom(await store.lease(request()))).toEqual(['m2/alice']);
  });

  it('leaves out a message that only ignored settlements tell of', async () => {
    const { store } = await fresh();
    const to = [{ to: 'bob@b.test' }, { to: 'carol@b.test' }, { to: 'dave@b.test' }];
    const until = (untilMs: number, token: string) => ({ owner, untilMs, token });
    await store.put(sampleMessage('m1', to), until(nowMs + 1_000, 'token-1'));
    await store.lease(request({ nowMs: nowMs + 10_000, limit: 2, lease: until(nowMs + 60_000, 'token-2') }));
    const dsn = (id: string) => sampleMessage(id, [{ to: 'alice@example.org' }], { reversePath: null });
    const done = (index: number, leaseToken: string, tells: readonly string[]) =>
      ({ messageId: 'm1', index, leaseToken, tells, to: 'done' }) as const;
    // A lease that is over, a stranger's, and one of a recipient that is gone.
    await store.settle(owner, [done(0, 'token-1', ['d1']), done(1, 'token-1', ['d1'])], [dsn('d1')]);
    await store.settle('stranger', [done(0, 'token-2', ['d2'])], [dsn('d2')]);
    await store.settle(
      owner,
      [done(0, 'token-2', ['d3']), done(7, 'token-2', ['d4'])],
      [dsn('d3'), dsn('d4')],
    );
    await store.settle(owner, [done(0, 'token-2', ['d5'])], [dsn('d5')]);
    // One that holds among several is enough, and what nobody names is always put in.
    const mixed = [done(1, 'token-2', ['d6']), done(2, 'token-1', ['d6', 'd7'])];
    await store.settle(owner, mixed, [dsn('d6'), dsn('d7'), dsn('d8')]);
    const { recipients } = await store.range({}, { limit: 20 });
    expect(whom(recipients)).toEqual(['d3/alice', 'd6/alice', 'd8/alice', 'm1/dave']);
  });

  it('puts in what tells of a recipient that an operator wants something of', async () => {
    const { store } = await fresh();
    await store.put(sampleMessage('m1', [{ to: 'bob@b.test' }]), lease);
    await store.change({ messageId: 'm1' }, { action: 'hold', reason: 'looked at' });
    const delay = sampleMessage('m2', [{ to: 'alice@example.org' }], { reversePath: null });
    const waiting = { to: 'waiting', dueAtMs: nowMs + 20_000, tells: ['m2'] } as const;
    await store.settle(owner, [{ messageId: 'm1', index: 0, ...waiting }], [delay]);
    const { recipients } = await store.range({}, { limit: 10 });
    expect(recipients.map((one) => `${one.messageId} ${one.state}`)).toEqual(['m1 held', 'm2 ready']);
  });

  it('changes nothing when a message to put in is there already', async () => {
    const { store } = await fresh();
    await store.put(sampleMessage('m1', [{ to: 'bob@b.test' }]), lease);
    const again = sampleMessage('m1', [{ to: 'alice@example.org' }]);
    await expect(
      store.settle(owner, [{ messageId: 'm1', index: 0, to: 'done' }], [again]),
    ).rejects.toMatchObject({ code: 'E_QUEUE_STORE' });
    expect(whom((await store.range({}, { limit: 10 })).recipients)).toEqual(['m1/bob']);
  });
}
