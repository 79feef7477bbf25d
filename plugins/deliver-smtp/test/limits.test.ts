import { describe, expect, test } from 'vitest';
import { harness, serve, smtp, told } from './scene.js';
import { polite } from './scripted-server.js';

describe('limits of connections', () => {
  test('keep deliveries waiting for their turn, and put them off when it does not come', async () => {
    const gates: (() => void)[] = [];
    const server = await serve(
      polite({
        answer: (line) =>
          line.startsWith('MAIL')
            ? new Promise((resolve) => gates.push(() => resolve(undefined)))
            : undefined,
      }),
    );
    const { deliver, clock } = harness();
    const egress = { connectionsMax: 1 };
    const first = deliver(smtp(server), { egress });
    await expect.poll(() => gates.length).toBe(1);
    const second = deliver(smtp(server), { egress });
    const third = deliver(smtp(server), { egress });
    const other = deliver(smtp(server), { egress: { ...egress, sourceAddress: '127.0.0.1' } });
    await expect.poll(() => gates.length).toBe(2);
    gates[0]?.();
    expect(told(await first)).toEqual(['delivered 250 2.0.0 taken']);
    await expect.poll(() => gates.length).toBe(3);
    // The third waits for the second, which takes its time.
    await clock.advance(5_000);
    expect(await third).toEqual({ outcomes: [], postponedUntilMs: clock.now() + 10_000 });
    gates[1]?.();
    gates[2]?.();
    expect(told(await second)).toEqual(['delivered 250 2.0.0 taken']);
    expect(told(await other)).toEqual(['delivered 250 2.0.0 taken']);
    // One connection for the first and second, one from the other source.
    expect(server.connections).toBe(2);
  });

  test('of new connections in time postpone what would come too early', async () => {
    const server = await serve(polite());
    const { deliver, clock } = harness({ reuse: { idleMs: 0 } });
    const egress = { connectionRate: { count: 2, perMs: 60_000 } };
    await deliver(smtp(server), { egress });
    await deliver(smtp(server), { egress });
    const nowMs = clock.now();
    expect(await deliver(smtp(server), { egress })).toEqual({
      outcomes: [],
      postponedUntilMs: nowMs + 30_000,
    });
    await clock.advance(26_000);
    const soon = deliver(smtp(server), { egress });
    await clock.advance(4_000);
    expect(told(await soon)).toEqual(['delivered 250 2.0.0 taken']);
  });

  test('of messages over a connection', async () => {
    const server = await serve(polite());
    const { deliver } = harness();
    for (let round = 0; round < 4; round++) {
      await deliver(smtp(server), { egress: { messagesPerConnection: 2 } });
    }
    expect(server.connections).toBe(2);
  });
});
