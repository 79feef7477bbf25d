import { type Counters, type Logger, systemClock } from '@postroad/core';
import { countersContract, createTestMetrics, openDeafWire } from '@postroad/core/testing';
import { openRedis, type Redis } from '@postroad/redis';
import { redisMissing, startTestRedis, type TestRedis } from '@postroad/redis/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRedisCounters } from './redis-counters.js';

const said: string[] = [];
const say = (event: string): void => void said.push(event);
const log: Logger = { debug() {}, info: say, warn: say, error: say, child: () => log };
const rate = { units: 1, perMs: 3_600_000 };

if (redisMissing !== undefined) console.warn(`SKIPPED: ${redisMissing}`);

describe.skipIf(redisMissing !== undefined)('counters-redis', () => {
  let server: TestRedis;
  const opened: Redis[] = [];
  const metrics = createTestMetrics();
  // A Redis on a busy machine takes its time: who wants to see what a slow one does asks for less.
  async function open(
    onAway: 'local' | 'fail' = 'local',
    prefix = 'test:',
    commandTimeoutMs = 20_000,
    url = server.url,
  ): Promise<Counters> {
    const redis = openRedis({ url, name: 'test', commandTimeoutMs }, log);
    opened.push(redis);
    expect(await redis.whenReady(20_000)).toBe(true);
    return createRedisCounters({ redis, clock: systemClock, log, metrics, prefix, onAway });
  }
  beforeAll(async () => {
    server = await startTestRedis();
  });
  afterAll(async () => {
    for (const one of opened) one.close();
    await server?.stop();
  });

  countersContract('redis', async () => ({
    counters: await open(),
    pass: (durationMs) => systemClock.sleep(durationMs),
    close: async () => undefined,
  }));

  it('counts together with other nodes', async () => {
    const [a, b] = [await open(), await open()];
    expect((await a.take('both', rate)).isAllowed).toBe(true);
    expect((await b.take('both', rate)).isAllowed).toBe(false);
    await a.set('word', 'x', 60_000);
    expect(await b.get('word')).toBe('x');
  });

  it('keeps servers with different prefixes apart', async () => {
    const [a, b] = [await open('local', 'a:'), await open('local', 'b:')];
    await a.set('word', 'x', 60_000);
    expect(await b.get('word')).toBeUndefined();
  });

  it('counts for itself while Redis is away, says so, and shares again when it is back', async () => {
    const [a, strict] = [await open('local', 'away:'), await open('fail', 'away:')];
    await server.kill();
    const away = () => metrics.samples().find((one) => one.name === 'counters_redis_away')?.value;
    expect((await a.take('x', rate)).isAllowed).toBe(true);
    expect((await a.take('x', rate)).isAllowed).toBe(false);
    expect(away()).toBe(1);
    expect(said).toContain('Redis is away, this process counts for itself');
    await expect(Promise.resolve(strict.take('x', rate))).rejects.toMatchObject({ code: 'E_COUNTERS' });
    await server.start();
    await expect
      .poll(async () => {
        await a.set('back', 'x', 60_000);
        return await Promise.resolve(strict.get('back')).catch(() => undefined);
      })
      .toBe('x');
    expect(away()).toBe(0);
    expect(said).toContain('Redis is back, counters are shared again');
    const failures = metrics.samples().find((one) => one.name === 'counters_redis_failures')?.value;
    expect(failures).toBeGreaterThanOrEqual(3);
  });

  it('waits for a Redis that stands still no longer than it may', async () => {
    const a = await open('local', 'still:', 500);
    server.pause(true);
    expect(await a.add('n', 1, 60_000)).toBe(1);
    server.pause(false);
  });

  it('leaves a connection on which nothing arrives any more, and shares again by another', async () => {
    const wire = await openDeafWire(Number(new URL(server.url).port));
    const url = server.url.replace(/:\d+\//, `:${wire.port}/`);
    const [a, b] = [await open('local', 'deaf:', 500, url), await open('local', 'deaf:')];
    await expect
      .poll(async () => {
        await a.set('word', 'x', 60_000);
        return await b.get('word');
      })
      .toBe('x');
    wire.deafen();
    await expect
      .poll(async () => {
        await a.add('n', 1, 60_000);
        return await b.get('n');
      })
      .toBeDefined();
    opened.splice(-2, 1)[0]?.close();
    await wire.close();
  });
});
