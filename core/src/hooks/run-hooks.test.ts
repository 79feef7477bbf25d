import { describe, expect, it } from 'vitest';
import { ConnectionState } from '../context/connection.js';
import { isMailError } from '../errors.js';
import type { TapOptions } from '../plugin/define.js';
import type { Clock, Timer } from '../services/clock.js';
import type { LogFields, Logger } from '../services/logger.js';
import { createMetrics } from '../services/metrics-registry.js';
import { accept, deferIfAccepted, discard, reject } from '../values/verdict.js';
import { compileHooks, orderAll } from './compile.js';
import type { Tap } from './order.js';
import { failedDecision } from './run-decide.js';
import type { HookName } from './table.js';

/** A clock whose timers fire when the test says so. */
function handClock(): Clock & { fire(): void; readonly waiting: number } {
  const timers = new Set<() => void>();
  return {
    now: () => 0,
    monotonic: () => 0,
    after(_delayMs, run): Timer {
      timers.add(run);
      return { cancel: () => void timers.delete(run) };
    },
    sleep: () => Promise.resolve(),
    fire() {
      for (const run of [...timers]) run();
    },
    get waiting() {
      return timers.size;
    },
  };
}

function setup() {
  const lines: { event: string; fields: LogFields | undefined }[] = [];
  const log: Logger = {
    debug: () => {},
    info: () => {},
    warn: () => {},
    error: (event, fields) => void lines.push({ event, fields }),
    child: () => log,
  };
  const clock = handClock();
  const metrics = createMetrics();
  const taps: Tap[] = [];
  const tap = (
    plugin: string,
    hook: HookName,
    answer: (...args: never[]) => unknown,
    options: TapOptions = {},
  ) => void taps.push({ plugin, hook, answer, options });
  const compile = () => compileHooks(orderAll(taps), { clock, log, metrics });
  return { tap, compile, clock, lines, metrics };
}

const connection = () =>
  new ConnectionState({
    id: 'c1',
    protocol: 'smtp',
    role: 'relay',
    listener: 'l',
    remoteAddress: '127.0.0.1',
    remotePort: 1,
    localAddress: '127.0.0.1',
    localPort: 2,
    openedAtMs: 0,
  });

describe('decide', () => {
  it('is null when nobody taps', () => {
    expect(setup().compile().connect).toBeNull();
  });

  it('answers at once, without a promise and without a timer, when no tap returns one', () => {
    const { tap, compile, clock } = setup();
    tap('a', 'connect', () => undefined);
    tap('b', 'connect', () => accept());
    expect(compile().connect?.(connection())).toEqual({ verdict: 'accept' });
    expect(clock.waiting).toBe(0);
  });

  it('ends with the first answer', async () => {
    const { tap, compile } = setup();
    const asked: string[] = [];
    tap('a', 'connect', async () => void asked.push('a'));
    tap('b', 'connect', () => {
      asked.push('b');
      return reject(550, '7.1', 'no');
    });
    tap('c', 'connect', () => void asked.push('c'));
    expect(await compile().connect?.(connection())).toMatchObject({ verdict: 'reject' });
    expect(asked).toEqual(['a', 'b']);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('broken');
      },
    ],
    ['rejects', () => Promise.reject(new Error('broken'))],
  ])('defers when a tap %s, and logs plugin and hook', async (_how, answer) => {
    const { tap, compile, lines, metrics } = setup();
    tap('bad', 'connect', answer);
    tap('good', 'connect', () => accept());
    expect(await compile().connect?.(connection())).toBe(failedDecision);
    expect(lines).toMatchObject([{ event: 'tap failed', fields: { plugin: 'bad', hook: 'connect' } }]);
    expect(metrics.samples()).toMatchObject([{ labels: { plugin: 'bad', hook: 'connect' }, value: 1 }]);
  });

  it('defers when a tap hangs, aborts its signal and names it', async () => {
    const { tap, compile, clock, lines } = setup();
    let aborted = false;
    tap('slow', 'connect', (_connection: never, signal: AbortSignal) => {
      signal.addEventListener('abort', () => {
        aborted = true;
      });
      return new Promise(() => {});
    });
    const outcome = compile().connect?.(connection());
    clock.fire();
    expect(await outcome).toBe(failedDecision);
    expect(aborted).toBe(true);
    expect(isMailError(lines[0]?.fields?.error, 'E_TAP_DEADLINE')).toBe(true);
  });

  it('goes on behind a failed tap that was made to be skipped, also after its deadline', async () => {
    const { tap, compile, clock } = setup();
    tap('slow', 'connect', () => new Promise(() => {}), { onError: 'skip' });
    tap(
      'thrower',
      'connect',
      () => {
        throw new Error('x');
      },
      { onError: 'skip' },
    );
    let signalWasAborted: boolean | undefined;
    tap('good', 'connect', (_connection: never, signal: AbortSignal) => {
      signalWasAborted = signal.aborted;
      return reject(550, '7.1', 'no');
    });
    const outcome = compile().connect?.(connection());
    clock.fire();
    expect(await outcome).toMatchObject({ verdict: 'reject' });
    expect(signalWasAborted).toBe(false);
  });

  it('aborts the signal of a waiting tap when the connection is lost', async () => {
    const { tap, compile } = setup();
    tap(
      'waits',
      'connect',
      (_connection: never, signal: AbortSignal) =>
        new Promise((_resolve, rejectWait) =>
          signal.addEventListener('abort', () => rejectWait(new Error('gone'))),
        ),
    );
    const lost = connection();
    const outcome = compile().connect?.(lost);
    lost.close();
    expect(await outcome).toBe(failedDecision);
  });

  it('turns deferIfAccepted into a deferral unless somebody rejects', async () => {
    const wait = deferIfAccepted(450, '7.1', 'greylisted');
    for (const [later, expected] of [
      [() => undefined, 'defer'],
      [() => accept(), 'defer'],
      [() => discard('x'), 'defer'],
      [() => reject(550, '7.1', 'no'), 'reject'],
      [async () => reject(550, '7.1', 'no'), 'reject'],
    ] as const) {
      const { tap, compile } = setup();
      tap('grey', 'connect', () => wait);
      tap('later', 'connect', later);
      expect(await compile().connect?.(connection())).toMatchObject({ verdict: expected });
    }
  });
});

describe('gather', () => {
  it('asks all and keeps the order of taps, with an error for the one that failed', async () => {
    const { tap, compile, clock } = setup();
    tap('slow', 'inspect', () => new Promise(() => {}));
    tap('late', 'inspect', async () => ({ source: 'late' }));
    tap('two', 'inspect', () => [{ source: 'one' }, { source: 'two' }]);
    tap('bad', 'inspect', () => {
      throw new Error('broken');
    });
    tap('none', 'inspect', () => undefined);
    const outcome = compile().inspect?.({} as never);
    await new Promise(setImmediate);
    clock.fire();
    expect(await outcome).toEqual([
      { source: 'slow', error: expect.stringContaining('did not answer inspect') },
      { source: 'late' },
      { source: 'one' },
      { source: 'two' },
      { source: 'bad', error: 'broken' },
    ]);
  });
});

describe('transform', () => {
  it('hands each value on', async () => {
    const { tap, compile } = setup();
    const add = (name: string) => (_message: never, value: readonly unknown[]) => [...value, name];
    tap('a', 'expand', add('a'));
    tap('b', 'expand', async (message: never, value: readonly unknown[]) => add('b')(message, value));
    tap('none', 'expand', () => undefined);
    tap('c', 'expand', add('c'));
    expect(await compile().expand?.({} as never, [])).toEqual(['a', 'b', 'c']);
  });

  it('hands three inputs on in order', () => {
    const { tap, compile } = setup();
    tap('a', 'header', (message: never, findings: never, prefix: readonly unknown[]) => [
      ...prefix,
      message,
      findings,
    ]);
    expect(compile().header?.('message' as never, 'findings' as never, [])).toEqual(['message', 'findings']);
  });

  it('defers when a tap fails', async () => {
    const { tap, compile } = setup();
    tap('bad', 'expand', () => Promise.reject(new Error('x')));
    expect(await compile().expand?.({} as never, [])).toBe(failedDecision);
  });
});

describe('observe', () => {
  it('tells all, and never fails', async () => {
    const { tap, compile, lines } = setup();
    const told: string[] = [];
    tap('bad', 'closed', () => {
      throw new Error('x');
    });
    tap('worse', 'closed', () => Promise.reject(new Error('y')));
    tap('good', 'closed', () => void told.push('good'));
    await compile().closed?.(connection());
    expect(told).toEqual(['good']);
    expect(lines).toHaveLength(2);
  });
});

describe('order', () => {
  it('is early, none, late, then after, then the composition', () => {
    const { tap, compile } = setup();
    const asked: string[] = [];
    const say = (name: string) => () => void asked.push(name);
    tap('late', 'connect', say('late'), { order: 'late' });
    tap('second', 'connect', say('second'), { after: ['first', 'unknown'] });
    tap('first', 'connect', say('first'));
    tap('early', 'connect', say('early'), { order: 'early' });
    void compile().connect?.(connection());
    expect(asked).toEqual(['early', 'first', 'second', 'late']);
  });

  it('refuses wishes that contradict each other, by name', () => {
    const { tap, compile } = setup();
    tap('a', 'connect', () => undefined, { after: ['b'] });
    tap('b', 'connect', () => undefined, { after: ['a'] });
    expect(compile).toThrow(/connect.*a, b/);
  });
});
