import { describe, expect, test } from 'vitest';
import { harness, serve, smtp, told } from './scene.js';
import { polite, type Script } from './scripted-server.js';

describe('a bad peer', () => {
  const cases: readonly (readonly [string, Script, RegExp])[] = [
    [
      'speaks before its greeting',
      async (peer) => peer.raw('hello\r\n220 hi\r\n'),
      /^deferred 451 4\.5\.0 .*not a reply$/,
    ],
    [
      'sends a line without end',
      async (peer) => peer.raw('220 '.padEnd(100_000, 'x')),
      /^deferred 451 4\.5\.0 .*too long$/,
    ],
    [
      'sends 5,000 lines',
      async (peer) => peer.raw('220-x\r\n'.repeat(5_000)),
      /^deferred 451 4\.5\.0 .*too many lines$/,
    ],
    [
      'changes the code within a reply',
      async (peer) => peer.raw('220-x\r\n550 y\r\n'),
      /^deferred 451 4\.5\.0 .*different codes$/,
    ],
    ['closes at once', async (peer) => void peer.socket.end(), /^deferred 451 4\.4\.2 the server closed/],
    ['resets at once', async (peer) => void peer.socket.resetAndDestroy(), /^deferred 451 4\.4\.[12] /],
    [
      'refuses in its greeting',
      async (peer) => peer.say('554 5.3.2 no mail here'),
      /^failed 554 5\.3\.2 no mail here$/,
    ],
    [
      'is busy',
      async (peer) => void peer.socket.end('421 4.3.2 too busy\r\n'),
      /^deferred 421 4\.3\.2 too busy$/,
    ],
    [
      'answers 250 to DATA',
      polite({ answer: (line) => (line === 'DATA' ? '250 what' : undefined) }),
      /^deferred 451 4\.5\.0 the server answers 250 out of turn$/,
    ],
    [
      'answers before it was asked',
      polite({ answer: (line) => (line === 'DATA' ? '354 go\r\n250 taken already' : undefined) }),
      /^deferred 451 4\.5\.0 the server answered what was not asked$/,
    ],
    ['answers 354 to the message', polite({ final: () => ['354 more'] }), /^deferred 451 4\.5\.0 /],
    [
      'closes after the final dot',
      async (peer, index) => {
        const script = polite({
          final: () => {
            peer.socket.destroy();
            return [];
          },
        });
        await script(peer, index);
      },
      /^deferred 451 4\.4\.2 the connection was lost before the server said whether it has the message$/,
    ],
    [
      'resets after DATA',
      async (peer, index) => {
        const script = polite({
          answer: (line) => {
            if (line === 'DATA') setImmediate(() => peer.socket.resetAndDestroy());
            return undefined;
          },
        });
        await script(peer, index);
      },
      /^deferred 451 4\.4\.2 /,
    ],
  ];

  test.each(cases)('%s', async (_name, script, expected) => {
    const server = await serve(script);
    const made = harness();
    const [said] = told(await made.deliver(smtp(server)));
    expect(said).toMatch(expected);
    expect(made.deliverer.pool.size).toBe(0);
  });

  test('keeps the answers it gave before it went away', async () => {
    const server = await serve(async (peer, index) => {
      const script = polite({
        answer: (line) => {
          if (line === 'DATA') peer.socket.destroy();
          return line.includes('<gone@') ? '550 5.1.1 no such user' : undefined;
        },
      });
      await script(peer, index);
    });
    const to = ['gone@example.net', 'b@example.net'];
    expect(told(await harness().deliver(smtp(server), { to }))).toEqual([
      'failed 550 5.1.1 no such user',
      'deferred 451 4.4.2 the server closed the connection',
    ]);
  });

  test.each([
    ['greeting', '', 'greetingMs'],
    ['answer to EHLO', 'EHLO', 'helloMs'],
    ['answer to MAIL', 'MAIL', 'mailMs'],
    ['answer to DATA', 'DATA', 'dataMs'],
  ] as const)('that never gives the %s is left after a time', async (_name, at, timeout) => {
    const server = await serve(
      polite({
        answer: (line) =>
          (at === '' ? line === '' : line.startsWith(at)) ? new Promise(() => {}) : undefined,
      }),
    );
    const { deliver, clock } = harness({ timeouts: { [timeout]: 5_000 } });
    const delivered = deliver(smtp(server));
    await expect
      .poll(() => (at === '' ? server.connections === 1 : server.lines.some((line) => line.startsWith(at))))
      .toBe(true);
    let isDone = false;
    const mark = () => {
      isDone = true;
    };
    delivered.then(mark, mark);
    // The wait begins a moment after the server has read the command: time passes until it is over.
    while (!isDone) await clock.advance(5_001);
    expect(told(await delivered)).toEqual(['deferred 451 4.4.2 the server did not answer in time']);
  });

  test('does not outlive the signal', async () => {
    const server = await serve(
      polite({ answer: (line) => (line.startsWith('MAIL') ? new Promise(() => {}) : undefined) }),
    );
    const stop = new AbortController();
    const delivered = harness().deliver(smtp(server), { signal: stop.signal });
    await expect.poll(() => server.lines.some((line) => line.startsWith('MAIL'))).toBe(true);
    stop.abort(new Error('enough'));
    expect(told(await delivered)).toEqual(['deferred 451 4.3.0 the message could not be sent for now']);
  });
});
