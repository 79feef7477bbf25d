import { describe, expect, test } from 'vitest';
import { ConnectionLimits } from '../src/connection-limits.js';
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

  test('hand a place on to who waits for it, whoever asks at the same moment', async () => {
    const { clock } = harness();
    const limits = new ConnectionLimits(clock);
    const { signal } = new AbortController();
    const enter = () => limits.enter('site', 1, signal);
    const first = await enter();
    const second = enter();
    if ('leave' in first) first.leave();
    const third = enter();
    const turn = await second;
    expect(turn).toHaveProperty('leave');
    await clock.advance(5_000);
    expect(await third).toHaveProperty('postponedUntilMs');
    if ('leave' in turn) turn.leave();
    expect(await enter()).toHaveProperty('leave');
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

  test('do not make forgotten what was delivered before they were reached', async () => {
    const server = await serve(polite({ offers: ['PIPELINING', 'LIMITS RCPTMAX=1 MAILMAX=1'] }));
    const egress = { connectionRate: { count: 1, perMs: 3_600_000 } };
    const report = await harness().deliver(smtp(server), { to: ['a@x.example', 'b@x.example'], egress });
    expect(told(report)).toEqual([
      'delivered 250 2.0.0 taken',
      'deferred 451 4.4.1 no server of the domain could be reached',
    ]);
    expect(report.postponedUntilMs).toBeUndefined();
    expect(server.messages).toHaveLength(1);
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

describe('limits that the server tells (RFC 9422)', () => {
  const to = ['a@x.example', 'b@x.example', 'c@y.example', 'd@Y.example', 'e@z.example'];
  /** What each transaction named, and on which connection. */
  async function transactions(limits: string, options: Parameters<typeof polite>[0] = {}) {
    const offers = ['PIPELINING', `LIMITS ${limits}`];
    const server = await serve(polite({ offers, ...options }));
    const report = await harness().deliver(smtp(server), { to });
    const named: string[] = [];
    for (const line of server.lines) {
      if (line.startsWith('EHLO')) named.push('-');
      else if (line.startsWith('MAIL')) named.push('');
      else if (line.startsWith('RCPT')) named.push(`${named.pop()}${line[9]}`);
    }
    return { report, named: named.join(' '), server };
  }

  test.each([
    ['RCPTMAX=2', '- ab cd e'],
    ['RCPTMAX=5 MAILMAX=1', '- abcde'],
    ['RCPTMAX=2 MAILMAX=2', '- ab cd - e'],
    ['mailmax=1 rcptmax=2', '- ab - cd - e'],
    ['RCPTDOMAINMAX=1', '- ab cd e'],
    ['RCPTDOMAINMAX=2 RCPTMAX=3', '- abc de'],
    // What is no limit is none.
    ['RCPTMAX=0 MAILMAX=-1 RCPTDOMAINMAX=1234567 OTHER=1 RCPTMAX', '- abcde'],
  ])('%s', async (limits, expected) => {
    const { report, named } = await transactions(limits);
    expect(named).toBe(expected);
    expect(told(report)).toEqual(to.map(() => 'delivered 250 2.0.0 taken'));
  });

  test('a recipient that is refused is not asked about again, and holds nobody up', async () => {
    const answer = (line: string) => (line.includes('<a@') ? '450 4.2.0 later' : undefined);
    const { report, named } = await transactions('RCPTMAX=1 MAILMAX=1', { answer });
    expect(named).toBe('- a - b - c - d - e');
    expect(told(report).filter((text) => text !== 'delivered 250 2.0.0 taken')).toEqual([
      'deferred 450 4.2.0 later',
    ]);
    expect(report.outcomes).toHaveLength(5);
  });

  test('who was not named when the server left is deferred', async () => {
    const answer = (line: string) => (line.includes('<c@') ? '421 4.3.2 bye' : undefined);
    const { report } = await transactions('RCPTMAX=1', { answer });
    expect(told(report)).toEqual([
      'delivered 250 2.0.0 taken',
      'delivered 250 2.0.0 taken',
      'deferred 421 4.3.2 bye',
      'deferred 451 4.4.2 the connection ended before all recipients were sent',
      'deferred 451 4.4.2 the connection ended before all recipients were sent',
    ]);
  });

  test('connections are not kept for more messages than that', async () => {
    const server = await serve(polite({ offers: ['LIMITS MAILMAX=2'] }));
    const { deliver } = harness();
    for (let round = 0; round < 4; round++) await deliver(smtp(server));
    expect(server.connections).toBe(2);
  });
});
