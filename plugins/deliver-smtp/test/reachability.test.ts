import { describe, expect, onTestFinished, test } from 'vitest';
import { type Candidate, Candidates } from '../src/candidates.js';
import { openBlackHole } from './black-hole.js';
import { harness, mx, serve, told } from './scene.js';
import { polite } from './scripted-server.js';

const delivered = ['delivered 250 2.0.0 taken'];
const addresses = async (name: string) => [name.startsWith('hole') ? '127.0.0.2' : '127.0.0.1'];

async function holeBeside(script = polite()) {
  const server = await serve(script);
  onTestFinished(await openBlackHole('127.0.0.2', server.port));
  return server;
}

describe('hosts that do not answer', () => {
  test('cost a moment when others are as good, and none while it is remembered', async () => {
    const server = await holeBeside();
    const { deliver, clock } = harness({
      port: server.port,
      reuse: { idleMs: 0 },
      resolver: {
        mx: async () => ['hole1', 'hole2', 'mx'].map((name) => ({ preference: 5, exchange: `${name}.test` })),
        addresses,
      },
    });
    const beganMs = clock.now();
    // Until it happens that a hole is the first one.
    for (let round = 0; round < 20 && clock.now() === beganMs; round++) {
      let isOver = false;
      const delivery = deliver(mx).finally(() => {
        isOver = true;
      });
      await expect
        .poll(async () => {
          if (!isOver && clock.now() - beganMs < 500) await clock.advance(250);
          return isOver;
        })
        .toBe(true);
      expect(told(await delivery)).toEqual(delivered);
    }
    // Each hole had 250 ms, not the 30 s that a connection may take; after that the clock stands still.
    expect(clock.now() - beganMs).toBeLessThanOrEqual(500);
    for (let round = 0; round < 10; round++) expect(told(await deliver(mx))).toEqual(delivered);
  });

  test('are passed over while it is remembered, also for a worse one', async () => {
    const server = await holeBeside();
    const { deliver, clock, deliverer } = harness({
      port: server.port,
      reuse: { idleMs: 0 },
      timeouts: { connectMs: 10_000 },
      resolver: {
        mx: async () => [
          { preference: 5, exchange: 'hole.test' },
          { preference: 10, exchange: 'mx.test' },
        ],
        addresses,
      },
    });
    const first = deliver(mx);
    await expect
      .poll(() => clock.advance(1_000).then(() => deliverer.reachability.isFailing('127.0.0.2')))
      .toBe(true);
    expect(told(await first)).toEqual(delivered);
    // The clock stands still: the better one is not waited for.
    const second = await deliver(mx);
    expect(told(second)).toEqual(delivered);
    expect(second.outcomes[0]?.remote?.name).toBe('mx.test');
    // When it is the only one it is tried all the same.
    await clock.advance(600_000);
    expect(deliverer.reachability.isFailing('127.0.0.2')).toBe(false);
  });

  test('are not passed over for a worse one that merely is quicker', async () => {
    const server = await holeBeside();
    const { deliver, clock } = harness({
      port: server.port,
      resolver: {
        mx: async () => [
          { preference: 5, exchange: 'hole.test' },
          { preference: 10, exchange: 'mx.test' },
        ],
        addresses,
      },
    });
    const first = deliver(mx);
    await clock.advance(5_000);
    expect(server.connections).toBe(0);
    await expect.poll(() => clock.advance(5_000).then(() => server.connections)).toBe(1);
    expect(told(await first)).toEqual(delivered);
  });
});

describe('candidates', () => {
  const target = (host: string) => ({ host, port: 25, isForeign: true });
  const of = (host: string, address: string): Candidate => ({
    target: target(host),
    address,
    port: 25,
    security: { tls: 'opportunistic', by: 'policy', names: [host] },
  });
  const failing = ['192.0.2.1', '192.0.2.3'];
  const candidates = (lookUp: (host: string) => Promise<readonly Candidate[]>, groups: readonly string[][]) =>
    new Candidates({
      groups: groups.map((hosts) => hosts.map(target)),
      lookUp: ({ host }) => lookUp(host),
      isFailing: (address) => failing.includes(address),
    });
  const taken = async (from: Candidates, mayWorsen = true) => (await from.next(mayWorsen))?.address;

  test('come by preference, known failures last of all, and no group before it is needed', async () => {
    const asked: string[] = [];
    const all = candidates(
      async (host) => {
        asked.push(host);
        return host === 'a'
          ? [of('a', '192.0.2.1'), of('a', '192.0.2.2')]
          : [of(host, '192.0.2.3'), of(host, '192.0.2.4')];
      },
      [['a'], ['b']],
    );
    expect(await taken(all)).toBe('192.0.2.2');
    expect(await taken(all, false)).toBeUndefined();
    expect(asked).toEqual(['a']);
    expect(await taken(all)).toBe('192.0.2.4');
    expect([await taken(all), await taken(all), await taken(all)]).toEqual([
      '192.0.2.1',
      '192.0.2.3',
      undefined,
    ]);
  });

  test('do not wait for a host whose look-up is slow, and come back when they were not used', async () => {
    let found: (list: readonly Candidate[]) => void = () => undefined;
    const slow = new Promise<readonly Candidate[]>((resolve) => {
      found = resolve;
    });
    const all = candidates(
      (host) => (host === 'slow' ? slow : Promise.resolve([of(host, '192.0.2.7')])),
      [['slow', 'b']],
    );
    const first = await all.next(true);
    expect(first?.address).toBe('192.0.2.7');
    const second = all.next(false);
    found([of('slow', '192.0.2.8')]);
    expect((await second)?.address).toBe('192.0.2.8');
    all.putBack([first as Candidate]);
    expect([await taken(all, false), await taken(all)]).toEqual(['192.0.2.7', undefined]);
  });

  test('end with the error of a look-up that was broken off', async () => {
    const all = candidates(() => Promise.reject(new Error('aborted')), [['a', 'b']]);
    await expect(all.next(true)).rejects.toThrow('aborted');
  });
});
