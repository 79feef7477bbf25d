import { type ChangeNotice, Changes, definePlugin, queueMemory } from '@postroad/core';
import { startTestMta, type TestMta } from '@postroad/core/testing';
import { redisMissing, startTestRedis, type TestRedis } from '@postroad/redis/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { changesRedis } from './changes-redis.js';

if (redisMissing !== undefined) console.warn(`SKIPPED: ${redisMissing}`);

describe.skipIf(redisMissing !== undefined)('changes-redis', () => {
  let server: TestRedis;
  const nodes: TestMta[] = [];
  async function node(heard: (ChangeNotice | 'gap')[]): Promise<Changes> {
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
      await startTestMta({ plugins: [queueMemory(), changesRedis({ url: server.url }), listening()] }),
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
    await server.start();
    await expect.poll(() => heard[1]?.includes('gap')).toBe(true);
    const before = heard[1]?.length ?? 0;
    await expect.poll(tell).toBeGreaterThan(before);
  });
});
