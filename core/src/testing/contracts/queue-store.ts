/** What every `QueueStore` must do, as tests. */
import { afterEach, describe, expect, it } from 'vitest';
import { readBody } from '../../body/body.js';
import { bodyFromBytes } from '../../body/inline-body.js';
import { sampleMessage } from '../sample-message.js';
import { operating, recovering } from './queue-store-changes.js';
import { type Fresh, lease, nowMs, type OpenQueueStore, owner, request, whom } from './queue-store-kit.js';
import { settling } from './queue-store-settling.js';

export type { OpenQueueStore } from './queue-store-kit.js';

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

function putting(fresh: Fresh): void {
  it('gives back the message as it was put', async () => {
    const { store } = await fresh();
    const message = sampleMessage('m1', [{ to: 'bob@b.test', notify: ['failure'], orcpt: 'rfc822;bob' }], {
      parameters: {
        bodyType: 'binarymime',
        smtpUtf8: true,
        declaredSizeBytes: 7,
        ret: 'hdrs',
        envid: 'e1',
        requireTls: true,
        holdUntilMs: 1_700_000_600_000,
        deliverBy: { atMs: 1_700_000_900_000, mode: 'return', trace: true },
        priority: 3,
      },
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
