import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readBody } from '../../body/body.js';
import { bodyFromBytes } from '../../body/inline-body.js';
import { createSpool } from '../../body/spool.js';
import { createMemoryQueueStore } from '../../memory/memory-queue-store.js';
import { sampleMessage } from '../../testing/sample-message.js';
import { gate, minute, setUp } from '../../testing/scheduler-harness.js';
import { reply } from '../../values/reply.js';
import { exportQueue, importQueue } from './queue-archive.js';

describe('redirected recipients', () => {
  it('go where the operator says, and the usual way when told again', async () => {
    let isUp = false;
    const it = setUp(() => (isUp ? {} : { status: 'deferred' }));
    await it.scheduler.start();
    await it.put(sampleMessage('m1', [{ to: 'u@b.test' }]));
    const { queue } = it.scheduler;
    await queue.redirect({ domain: 'b.test' }, { transport: 'lmtp', host: 'box.test', port: 24 });
    await it.clock.settle();
    await queue.redirect({}, undefined);
    isUp = true;
    await it.clock.settle();
    expect(it.deliveries.map((one) => one.site)).toEqual(['mx:b.test', 'lmtp:box.test:24', 'mx:b.test']);
    expect(it.settled).toHaveLength(1);
  });
});

describe('held recipients', () => {
  it('are neither tried again nor sent another way before they are released', async () => {
    const it = setUp(() => ({}));
    await it.scheduler.start();
    const { queue } = it.scheduler;
    await it.put(sampleMessage('m1', [{ to: 'u@b.test', holdReason: 'odd' }]));
    expect(await queue.retry({})).toBe(0);
    await queue.redirect({}, { transport: 'lmtp', host: 'box.test', port: 24 });
    await it.clock.advance(60 * minute);
    expect(it.deliveries).toEqual([]);
    const { recipients } = await queue.list({}, { limit: 1 });
    expect(recipients[0]).toMatchObject({ state: 'held', holdReason: 'odd' });
    await queue.release({});
    await it.clock.settle();
    expect(it.deliveries.map((one) => one.site)).toEqual(['lmtp:box.test:24']);
  });
});

describe('suspended tenants and campaigns', () => {
  it('begin nothing, give back what waits in memory, and go on at once when resumed', async () => {
    const first = gate();
    const it = setUp((request) => (request.message.id === 'm1' ? first.promise : {}), {
      deliveriesPerSiteMax: 1,
    });
    await it.scheduler.start();
    const { queue } = it.scheduler;
    const { origin } = sampleMessage('x', []);
    const ofShop = { origin: { ...origin, accountId: 'eve', tenant: 'shop' } };
    await it.put(sampleMessage('m1', [{ to: 'u@b.test' }]));
    await it.put(sampleMessage('m2', [{ to: 'u@b.test' }], ofShop));
    await it.put(
      sampleMessage('m3', [{ to: 'u@b.test' }], { origin: { ...origin, accountId: 'bob', campaign: 'may' } }),
    );
    await queue.suspend({ kind: 'tenant', value: 'shop' }, { reason: 'asked' });
    await queue.suspend({ kind: 'campaign', value: 'may' }, { reason: 'asked' });
    await it.clock.settle();
    first.resolve({});
    await it.clock.advance(60 * minute);
    expect(it.deliveries.map((one) => one.message.id)).toEqual(['m1']);
    await queue.resume({ kind: 'tenant', value: 'shop' });
    await queue.resume({ kind: 'campaign', value: 'may' });
    await it.clock.settle();
    expect(it.deliveries.map((one) => one.message.id).sort()).toEqual(['m1', 'm2', 'm3']);
  });
});

describe('a question where mail would go', () => {
  it('is answered with route, site, findings, limits and what blocks it, and nothing is sent', async () => {
    const it = setUp(
      () => ({}),
      {
        limits: [
          { domain: 'b.*', deliveriesMax: 3 },
          { tenant: 'shop', deliveriesMax: 1 },
        ],
      },
      {
        survey: async ({ route }) => ({
          egress: { helloName: 'out.test' },
          findings: [{ source: 'test', text: route.transport }],
        }),
        route: (_message, { address }) =>
          address.domain === 'gone.test'
            ? { verdict: 'reject', reply: reply(550, '1.2', 'no such domain') }
            : { transport: 'smtp', host: address.domain, port: 25, login: 'me', password: 'secret' },
      },
    );
    await it.scheduler.start();
    const { queue } = it.scheduler;
    await queue.suspend({ kind: 'domain', value: 'b.test' }, { reason: 'asked' });
    const found = await queue.resolve({ localPart: 'u', domain: 'b.test' });
    expect(found).toMatchObject({
      route: { transport: 'smtp', host: 'b.test', port: 25, login: 'me' },
      site: 'smtp:b.test:25',
      egress: { helloName: 'out.test' },
      findings: [{ text: 'smtp' }],
      limits: { window: 5, active: 0, rules: [{ domain: 'b.*', deliveriesMax: 3 }] },
      waiting: 0,
      blocks: [{ kind: 'suspended', reason: 'domain b.test: asked' }],
    });
    expect(JSON.stringify(found)).not.toContain('secret');
    expect((await queue.resolve({ localPart: 'u', domain: 'gone.test' })).refusal?.code).toBe(550);
    expect(it.deliveries).toEqual([]);
  });

  it('tells of a site that is left alone', async () => {
    const it = setUp(() => ({ status: 'deferred', reply: reply(421, '3.2', 'going down') }), {
      replies: [{ match: '421*', pauseSiteMs: 10 * minute }],
    });
    await it.scheduler.start();
    await it.put(sampleMessage('m1', [{ to: 'u@b.test' }]));
    const found = await it.scheduler.queue.resolve({ localPart: 'u', domain: 'b.test' });
    expect(found.waiting).toBe(1);
    expect(found.blocks).toMatchObject([{ kind: 'left alone', reason: { code: 421 } }]);
  });
});

describe('an exported queue', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'postroad-archive-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('is the same at the server that imports it, octet for octet', async () => {
    const from = createMemoryQueueStore();
    await from.start('run-1', 0);
    const redirect = { transport: 'lmtp', host: 'box.test', port: 24 } as const;
    const octets = Buffer.from(Array.from({ length: 200_000 }, (_, at) => (at * 7) & 0xff));
    await from.put(
      sampleMessage(
        'm1',
        [
          { to: 'a@b.test', dueAtMs: 2_000_000_000_000 },
          { to: 'c@d.test', holdReason: 'odd', notify: 'never', orcpt: 'rfc822;C@d.test', redirect },
        ],
        {
          body: bodyFromBytes(octets),
        },
      ),
    );
    await from.put(sampleMessage('m2', [{ to: 'e@f.test' }]), { owner: 'run-1', untilMs: 9e15 });
    await from.put(sampleMessage('m0', [{ to: 'g@h.test' }]));
    const lease = { owner: 'run-1', untilMs: 9e15 };
    await from.lease({ nowMs: 1_900_000_000_000, lease, limit: 1 });
    const later = { to: 'waiting', dueAtMs: 2_000_000_000_000, isDelayTold: true } as const;
    await from.settle('run-1', [{ messageId: 'm0', index: 0, ...later }]);
    // It is returned from here.
    await from.put(sampleMessage('m3', [{ to: 'i@j.test' }]));
    await from.change({ messageId: 'm3' }, { action: 'bounce', reason: 'asked', nowMs: 1_900_000_000_000 });
    const file = join(directory, 'queue.jsonl');
    expect(await exportQueue(from, {}, file)).toEqual({ messages: 2, recipients: 3, skipped: 2 });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await expect(exportQueue(from, {}, file)).rejects.toMatchObject({ code: 'E_QUEUE_ARCHIVE' });

    const to = createMemoryQueueStore();
    await to.start('run-2', 0);
    const spool = createSpool({ directory: join(directory, 'spool'), inlineOctetsMax: 1000 });
    await spool.open();
    expect(await importQueue(to, spool, file)).toEqual({ messages: 2, recipients: 3, known: 0 });
    expect(await importQueue(to, spool, file)).toEqual({ messages: 0, recipients: 0, known: 2 });
    const message = await to.message('m1');
    expect((await readBody(message?.body as never, 300_000)).equals(octets)).toBe(true);
    const { recipients } = await to.range({}, { limit: 10 });
    expect(recipients).toMatchObject([
      { address: { localPart: 'g' }, state: 'waiting', attempts: 1, unsettledAttempts: 0, isDelayTold: true },
      { address: { localPart: 'a' }, state: 'waiting', dueAtMs: 2_000_000_000_000, attempts: 0 },
      {
        address: { localPart: 'c' },
        ...{ state: 'held', holdReason: 'odd', notify: 'never', orcpt: 'rfc822;C@d.test', redirect },
      },
    ]);
    await to.change({}, { action: 'delete' });
  });

  it('is refused when it is cut off or something else, and what was whole before is there', async () => {
    const from = createMemoryQueueStore();
    await from.put(sampleMessage('m1', [{ to: 'a@b.test' }]));
    await from.put(sampleMessage('m2', [{ to: 'a@b.test' }]));
    const file = join(directory, 'queue.jsonl');
    await exportQueue(from, {}, file);
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    await writeFile(file, `${lines.slice(0, -1).join('\n')}\n`);
    const spool = createSpool({ directory: join(directory, 'spool'), inlineOctetsMax: 1000 });
    const to = createMemoryQueueStore();
    await expect(importQueue(to, spool, file)).rejects.toThrow(
      /after 1 messages: the last message is cut off/,
    );
    expect((await to.count()).messages).toBe(1);
    for (const text of [
      '',
      'hello\n',
      '{"postroadQueue":2}\n',
      '[]\n',
      '{"postroadQueue":1}\n{"octets":""}\n',
    ]) {
      await writeFile(file, text);
      await expect(importQueue(to, spool, file)).rejects.toMatchObject({ code: 'E_QUEUE_ARCHIVE' });
    }
  });
});
