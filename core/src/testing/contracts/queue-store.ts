/** What every `QueueStore` must do, as tests. */
import { afterEach, describe, expect, it } from 'vitest';
import { readBody } from '../../body/body.js';
import { bodyFromBytes } from '../../body/inline-body.js';
import type {
  Lease,
  LeaseRequest,
  NewQueuedMessage,
  NewQueuedRecipient,
  QueuedRecipient,
  QueueStore,
} from '../../services/queue-store.js';
import { defaultEnvelopeParameters } from '../../values/envelope.js';
import { reply } from '../../values/reply.js';

/** A store under test. */
export interface OpenQueueStore {
  readonly store: QueueStore;
  /** Opens what is kept again, as after a crash: the old one is left without being closed. */
  reopen(): Promise<QueueStore>;
  /** Removes everything. */
  remove(): Promise<void>;
}

const nowMs = 1_700_000_000_000;
const owner = 'owner-1';
const lease: Lease = { owner, untilMs: nowMs + 3_600_000 };

/** A message for tests of queues. */
export function sampleMessage(
  id: string,
  recipients: readonly (Partial<NewQueuedRecipient> & { readonly to: string })[],
  more: Partial<NewQueuedMessage> = {},
): NewQueuedMessage {
  return {
    id,
    reversePath: { localPart: 'alice', domain: 'example.org' },
    parameters: defaultEnvelopeParameters,
    headerPrefix: 'Received: from test\r\n',
    body: bodyFromBytes(Buffer.from(`Subject: ${id}\r\n\r\nhello ${id}\r\n`)),
    origin: { protocol: 'esmtp', listener: 'test', remoteAddress: '127.0.0.1', helloName: 'client.test' },
    receivedAtMs: nowMs,
    expiresAtMs: nowMs + 432_000_000,
    recipients: recipients.map(({ to, ...rest }) => {
      const at = to.lastIndexOf('@');
      return { address: { localPart: to.slice(0, at), domain: to.slice(at + 1) }, site: 'new', ...rest };
    }),
    ...more,
  };
}

/** Defines the tests; `open` gives an empty store each time. Call it in a test file of vitest. */
export function queueStoreContract(name: string, open: () => Promise<OpenQueueStore>): void {
  describe(`queue store contract: ${name}`, () => {
    const opened: OpenQueueStore[] = [];
    const fresh = async (): Promise<OpenQueueStore> => {
      const one = await open();
      opened.push(one);
      await one.store.start(owner, nowMs);
      return one;
    };
    afterEach(async () => {
      for (const one of opened.splice(0)) await one.remove();
    });
    putting(fresh);
    leasing(fresh);
    settling(fresh);
    operating(fresh);
    recovering(fresh);
  });
}

type Fresh = () => Promise<OpenQueueStore>;

function request(more: Partial<LeaseRequest> = {}): LeaseRequest {
  return { nowMs, lease, limit: 100, ...more };
}

function whom(recipients: readonly QueuedRecipient[]): string[] {
  return recipients.map((one) => `${one.messageId}/${one.address.localPart}`);
}

function putting(fresh: Fresh): void {
  it('gives back the message as it was put', async () => {
    const { store } = await fresh();
    const message = sampleMessage('m1', [{ to: 'bob@b.test', notify: ['failure'], orcpt: 'rfc822;bob' }], {
      parameters: { ...defaultEnvelopeParameters, envid: 'e1', ret: 'hdrs', priority: 3 },
      quarantine: 'odd',
      state: { 'check.score': 7 },
    });
    await store.put(message);
    const kept = await store.message('m1');
    const { recipients: _recipients, body, ...facts } = message;
    expect(kept).toMatchObject(facts);
    expect((await readBody(kept?.body as never, 1000)).toString()).toBe('Subject: m1\r\n\r\nhello m1\r\n');
    expect(kept?.body).toMatchObject({
      sizeBytes: body.sizeBytes,
      has8bit: false,
      headerSizeBytes: body.headerSizeBytes,
    });
    const [recipient] = await store.lease(request());
    expect(recipient).toMatchObject({ notify: ['failure'], orcpt: 'rfc822;bob', site: 'new', attempts: 1 });
  });

  it('keeps octets of the body that are not text, and a null reverse-path', async () => {
    const { store } = await fresh();
    const octets = Uint8Array.from({ length: 512 }, (_, at) => at & 0xff);
    await store.put(
      sampleMessage('m1', [{ to: 'bob@b.test' }], { body: bodyFromBytes(octets), reversePath: null }),
    );
    const kept = await store.message('m1');
    expect(kept?.reversePath).toBeNull();
    expect(await readBody(kept?.body as never, 1000)).toEqual(Buffer.from(octets));
    expect(kept?.body.has8bit).toBe(true);
  });

  it('leases what is due in the same step when asked', async () => {
    const { store } = await fresh();
    const message = sampleMessage('m1', [
      { to: 'bob@b.test' },
      { to: 'later@b.test', dueAtMs: nowMs + 5000 },
      { to: 'held@b.test', holdReason: 'why not' },
    ]);
    const recipients = await store.put(message, lease);
    expect(recipients.map((one) => one.state)).toEqual(['leased', 'waiting', 'held']);
    expect(recipients[0]).toMatchObject({ attempts: 1, unsettledAttempts: 1, leaseOwner: owner });
    expect(await store.lease(request())).toEqual([]);
    expect(await store.nextDueAtMs()).toBe(nowMs + 5000);
  });

  it('refuses a message id that is there already and keeps the first', async () => {
    const { store } = await fresh();
    await store.put(sampleMessage('m1', [{ to: 'bob@b.test' }]));
    await expect(store.put(sampleMessage('m1', [{ to: 'eve@e.test' }]))).rejects.toMatchObject({
      code: 'E_QUEUE_STORE',
    });
    expect(whom((await store.range({}, { limit: 10 })).recipients)).toEqual(['m1/bob']);
  });

  it('takes many messages at once', async () => {
    const { store } = await fresh();
    const ids = Array.from({ length: 300 }, (_, at) => `m${at.toString().padStart(4, '0')}`);
    await Promise.all(ids.map((id) => store.put(sampleMessage(id, [{ to: 'bob@b.test' }]))));
    expect(await store.count()).toMatchObject({ messages: 300, recipients: 300 });
    expect(await store.lease(request({ limit: 1000 }))).toHaveLength(300);
  });
}

function leasing(fresh: Fresh): void {
  it('gives the oldest first, over all sites, and nobody twice', async () => {
    const { store } = await fresh();
    const waits = [300, 100, 200];
    for (const [at, wait] of waits.entries()) {
      await store.put(
        sampleMessage(`m${wait}`, [{ to: 'bob@b.test', site: `mx:${at}`, dueAtMs: nowMs + wait }]),
      );
    }
    expect(await store.lease(request())).toEqual([]);
    const later = request({ nowMs: nowMs + 250 });
    expect(whom(await store.lease(later))).toEqual(['m100/bob', 'm200/bob']);
    expect(await store.lease(later)).toEqual([]);
    expect(await store.nextDueAtMs()).toBe(nowMs + 300);
  });

  it('keeps to the limit, to the limit of a site and to the sites that may be given', async () => {
    const { store } = await fresh();
    for (let at = 0; at < 12; at++) {
      await store.put(sampleMessage(`m${at + 10}`, [{ to: 'bob@b.test', site: `mx:${at % 3}` }]));
    }
    const got = await store.lease(request({ perSiteMax: 2, exceptSites: new Set(['mx:1']) }));
    expect(got.map((one) => one.site).sort()).toEqual(['mx:0', 'mx:0', 'mx:2', 'mx:2']);
    expect(await store.lease(request({ limit: 3, exceptSites: new Set(['mx:0', 'mx:2']) }))).toHaveLength(3);
    expect(await store.nextDueAtMs(new Set(['mx:0', 'mx:1', 'mx:2']))).toBeUndefined();
    expect(await store.lease(request())).toHaveLength(5);
  });

  it('gives no recipient to two who ask at once', async () => {
    const { store } = await fresh();
    await store.put(
      sampleMessage(
        'm1',
        Array.from({ length: 50 }, (_, at) => ({ to: `u${at}@b.test` })),
      ),
    );
    const all = await Promise.all(Array.from({ length: 10 }, () => store.lease(request({ limit: 8 }))));
    const given = all.flat().map((one) => one.index);
    expect(given).toHaveLength(50);
    expect(new Set(given).size).toBe(50);
  });

  it('gives a recipient again when its lease is over', async () => {
    const { store } = await fresh();
    await store.put(sampleMessage('m1', [{ to: 'bob@b.test' }]), { owner: 'other', untilMs: nowMs + 1000 });
    expect(await store.lease(request())).toEqual([]);
    const [again] = await store.lease(request({ nowMs: nowMs + 10_000 }));
    expect(again).toMatchObject({ leaseOwner: owner, attempts: 2, unsettledAttempts: 2 });
    await store.settle('other', [{ messageId: 'm1', index: 0, to: 'done' }]);
    expect(await store.count()).toMatchObject({ recipients: 1 });
  });
}

function settling(fresh: Fresh): void {
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

  it('puts messages in with the settlement', async () => {
    const { store } = await fresh();
    await store.put(sampleMessage('m1', [{ to: 'bob@b.test' }]), lease);
    const dsn = sampleMessage('m2', [{ to: 'alice@example.org' }], { reversePath: null });
    await store.settle(owner, [{ messageId: 'm1', index: 0, to: 'done' }], [dsn]);
    expect(whom((await store.range({}, { limit: 10 })).recipients)).toEqual(['m2/alice']);
    expect(whom(await store.lease(request()))).toEqual(['m2/alice']);
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

function operating(fresh: Fresh): void {
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

function recovering(fresh: Fresh): void {
  it('keeps everything over a crash, and returns the leases of the one that is gone', async () => {
    const { store, reopen } = await fresh();
    await store.put(sampleMessage('m1', [{ to: 'bob@b.test' }]), lease);
    await store.put(sampleMessage('m2', [{ to: 'bob@b.test', dueAtMs: nowMs + 5000 }]));
    await store.put(sampleMessage('m3', [{ to: 'bob@b.test', holdReason: 'odd' }]));
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
    expect((await again.message('m2'))?.headerPrefix).toBe('Received: from test\r\n');
    expect(await again.nextDueAtMs()).toBe(nowMs + 5000);
  });
}
