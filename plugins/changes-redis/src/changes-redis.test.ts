import {
  type ChangeNotice,
  Changes,
  type Clock,
  definePlugin,
  type Logger,
  queueMemory,
  systemClock,
} from '@postroad/core';
import { openDeafWire, startTestMta, type TestMta } from '@postroad/core/testing';
import { openRedis } from '@postroad/redis';
import { redisMissing, startTestRedis, type TestRedis } from '@postroad/redis/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { changesRedis } from './changes-redis.js';

const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };

if (redisMissing !== undefined) console.warn(`SKIPPED: ${redisMissing}`);

describe.skipIf(redisMissing !== undefined)('changes-redis', () => {
  let server: TestRedis;
  const nodes: TestMta[] = [];
  interface NodeOptions {
    readonly url?: string;
    readonly clock?: Clock;
    readonly channel?: string;
  }
  async function node(heard: (ChangeNotice | 'gap')[], more: NodeOptions = {}): Promise<Changes> {
    const { url = server.url, clock = systemClock, channel = 'postroad:changes' } = more;
    let changes: Changes | undefined;
    const listening = definePlugin({
      name: 'test-listening',
      needs: { changes: Changes },
      setup({ services }) {
        changes = services.changes;
        changes.subscribe({ notice: (notice) => heard.push(notice), gap: () => heard.push('gap') });
      },
    });
    nodes.push(
      await startTestMta({ clock, plugins: [queueMemory(), changesRedis({ url, channel }), listening()] }),
    );
    return changes as unknown as Changes;
  }
  beforeAll(async () => {
    server = await startTestRedis();
  });
  afterAll(async () => {
    for (const one of nodes) await one.stop();
    await server?.stop();
  });

  it('tells other nodes, not itself, and tells of a gap when Redis was away', async () => {
    const heard: (ChangeNotice | 'gap')[][] = [[], []];
    const a = await node(heard[0] ?? []);
    await node(heard[1] ?? []);
    const notice = { accountId: 'alice', mailboxId: 'F1' };
    const tell = async (): Promise<number> => {
      a.publish(notice);
      return heard[1]?.length ?? 0;
    };
    await expect.poll(tell).toBeGreaterThan(0);
    expect(heard[1]?.[0]).toEqual(notice);
    expect(heard[0]).toEqual([]);
    await server.kill();
    a.publish(notice);
    await nodes[0]?.whenLogged('Redis is away, other nodes are not told of changes');
    const lost = nodes[0]?.mta.metrics().find((one) => one.name === 'changes_redis_lost');
    expect(lost?.value).toBeGreaterThan(0);
    await server.start();
    await expect.poll(() => heard[1]?.includes('gap')).toBe(true);
    const before = heard[1]?.length ?? 0;
    await expect.poll(tell).toBeGreaterThan(before);
  });

  it('hears again when Redis did not let it for a while', async () => {
    const heard: (ChangeNotice | 'gap')[] = [];
    await node(heard);
    const admin = openRedis({ url: server.url, commandTimeoutMs: 10_000, name: 'test' }, quiet);
    await admin.whenReady(10_000);
    const hearers = async () => {
      const [, count] = (await admin.command('PUBSUB', 'NUMSUB', 'postroad:changes')) as [string, number];
      return count;
    };
    await expect.poll(hearers).toBe(nodes.length);
    // Redis closes the connections of those that hear what they may not hear any more, and refuses them.
    await admin.command('ACL', 'SETUSER', 'default', 'resetchannels');
    await expect.poll(refused, { timeout: 15_000 }).toBeGreaterThan(0);
    await admin.command('ACL', 'SETUSER', 'default', 'allchannels');
    await expect.poll(hearers).toBe(nodes.length);
    await expect.poll(() => heard.includes('gap')).toBe(true);
    admin.close();

    async function refused(): Promise<number> {
      const log = (await admin.command('ACL', 'LOG')) as unknown[];
      return log.filter((entry) => Array.isArray(entry) && entry.includes('postroad:changes')).length;
    }
  });

  it('passes over what is no notice, and hears again, and of the gap, when its connection was silent', async () => {
    const wire = await openDeafWire(Number(new URL(server.url).port));
    let beat: () => void = () => undefined;
    // What waits for long is run by hand.
    const after: Clock['after'] = (ms, run) => {
      if (ms !== 10_000) return systemClock.after(ms, run);
      beat = run;
      return { cancel: () => undefined };
    };
    const heard: (ChangeNotice | 'gap')[] = [];
    const url = server.url.replace(/:\d+\//, `:${wire.port}/`);
    await node(heard, { url, clock: { ...systemClock, after }, channel: 'silent' });
    const other = openRedis({ url: server.url, name: 'other', commandTimeoutMs: 20_000 }, quiet);
    expect(await other.whenReady(20_000)).toBe(true);
    const publish = (text: string) => other.command('PUBLISH', 'silent', text);
    const hearsOf = async (accountId: string) => {
      await publish(`["x",{"accountId":"${accountId}"}]`);
      return heard.some((one) => one !== 'gap' && one.accountId === accountId);
    };
    await expect.poll(() => hearsOf('alice')).toBe(true);
    const strange = [
      '{',
      'null',
      '[]',
      '["x"]',
      '["x",null]',
      '["x",{"accountId":1}]',
      '[{},{"accountId":"a"}]',
    ];
    for (const text of strange) await publish(text);
    // It is asked and answers.
    beat();
    await expect.poll(() => hearsOf('bob')).toBe(true);
    const gaps = () => heard.filter((one) => one === 'gap').length;
    const before = gaps();
    wire.deafen();
    beat();
    await expect.poll(gaps).toBeGreaterThan(before);
    await expect.poll(() => hearsOf('carol')).toBe(true);
    const accounts = heard.flatMap((one) => (one === 'gap' ? [] : one.accountId));
    expect([...new Set(accounts)]).toEqual(['alice', 'bob', 'carol']);
    other.close();
    await nodes.pop()?.stop();
    await wire.close();
  });
});
