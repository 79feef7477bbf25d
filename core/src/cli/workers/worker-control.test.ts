/** Commands over several workers, whose answers are the test's. */
import { describe, expect, it } from 'vitest';
import type { ControlCall } from '../../control/protocol.js';
import { MailError } from '../../errors.js';
import { createWorkerControl } from './worker-control.js';
import type { PooledWorker, WorkerPool } from './worker-pool.js';

type Given = Readonly<Record<string, unknown>>;
type Answer = (command: string, given: Given, call: number) => unknown;

const call: ControlCall = { signal: new AbortController().signal, page: async () => undefined };

function control(answers: readonly Answer[], isQueueShared = false) {
  const asked: [number, string][] = [];
  const workers = answers.map(
    (answer, index): PooledWorker => ({
      index,
      pid: 100 + index,
      isQueueShared,
      calls: {
        async call(name, command, given, id) {
          asked.push([index, `${name} ${command}`]);
          return await answer(command as string, given as Given, id as number);
        },
        tell: () => undefined,
        end: () => undefined,
      },
    }),
  );
  const pages = new Map<number, ControlCall>();
  const pool = { ready: () => workers, pages } as unknown as WorkerPool;
  const { handlers, reload } = createWorkerControl(pool);
  const run = async (command: string, given: Given = {}) =>
    await handlers(() => undefined)[command]?.(given, call);
  return { run, reload, asked, pages };
}

const missing: Answer = () => {
  throw new MailError('E_NOT_FOUND', 'no such message');
};

describe('commands over several workers', () => {
  it('add what each counted, and ask one where all see the same queue', async () => {
    const answers = [
      () => ({ messages: 2, byState: { ready: 1, held: 1 }, isWhole: false, oldestMs: 7, name: 'a' }),
      () => ({ messages: 3, byState: { ready: 3, held: 0 }, isWhole: true, oldestMs: 9, name: 'b' }),
    ];
    expect(await control(answers).run('queue.count')).toEqual({
      messages: 5,
      byState: { ready: 4, held: 1 },
      isWhole: true,
      oldestMs: 7,
      name: 'a',
    });
    const shared = control(answers, true);
    expect(await shared.run('queue.count')).toMatchObject({ messages: 2 });
    expect(shared.asked).toEqual([[0, 'control queue.count']]);
    // What each scheduler keeps is told to all, whoever has the queue.
    const all = control([() => ({ suspended: 1 }), () => ({ suspended: 1 })], true);
    expect(await all.run('queue.suspend')).toEqual({ suspended: 2 });
    await expect(control([]).run('queue.count')).rejects.toMatchObject({ code: 'E_STATE' });
  });

  it('list one after the other, no more in all than was asked for', async () => {
    const limits: unknown[] = [];
    const lister =
      (has: number, isComplete: boolean): Answer =>
      (_, { limit }) => {
        limits.push(limit);
        return { listed: Math.min(has, limit as number), isComplete };
      };
    expect(await control([lister(3, true), lister(3, true)]).run('queue.list', { limit: 5 })).toEqual({
      listed: 5,
      isComplete: true,
    });
    expect(limits).toEqual([5, 2]);
    const cut = control([lister(3, false), lister(3, true)]);
    expect(await cut.run('queue.list', { limit: 9 })).toEqual({ listed: 6, isComplete: false });
    const early = control([lister(3, true), lister(3, true)]);
    expect(await early.run('queue.list', { limit: 3 })).toEqual({ listed: 3, isComplete: false });
    expect(early.asked).toHaveLength(1);
  });

  it('find a message wherever it is, and tell what else went wrong', async () => {
    expect(await control([missing, () => ({ id: 'm1' })]).run('queue.show')).toEqual({ id: 'm1' });
    await expect(control([missing, missing]).run('queue.show')).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
    });
    const broken: Answer = () => {
      throw new MailError('E_QUEUE_STORE', 'the disk');
    };
    await expect(control([broken, () => ({})]).run('queue.show')).rejects.toMatchObject({
      code: 'E_QUEUE_STORE',
    });
  });

  it('export each part into a file of its own, and add up how much', async () => {
    const files: unknown[] = [];
    const exporter: Answer = (_, { file }) => {
      files.push(file);
      return { messages: 2, file };
    };
    const { run } = control([exporter, exporter]);
    expect(await run('queue.export', { file: '/tmp/x' })).toEqual({ messages: 4, file: '/tmp/x' });
    expect(files).toEqual(['/tmp/x', '/tmp/x.1']);
  });

  it('join lists, and tell once what several tell', async () => {
    const one = { site: 'b.test' };
    const lists = control([() => [one, { site: 'a.test' }], () => [one], () => ({})]);
    expect(await lists.run('queue.suspensions')).toEqual([one, { site: 'a.test' }]);
    expect(await lists.run('queue.trace')).toHaveLength(2);
  });

  it('reload one after the other, and leave the others as they are when one fails', async () => {
    const { reload, run, asked } = control([() => undefined, () => undefined]);
    expect(await run('reload')).toEqual({ reloaded: true });
    expect(asked).toEqual([
      [0, 'control reload'],
      [1, 'control reload'],
    ]);
    const failing = control([missing, () => undefined]);
    await expect(failing.reload()).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
    expect(failing.asked).toHaveLength(1);
    expect(reload).toBeTypeOf('function');
  });

  it('pass pages of plugins on while they are asked, and no longer', async () => {
    let seen: unknown;
    const asking = control([
      (_, __, id) => {
        seen = asking.pages.has(id);
        return 'first';
      },
      () => 'second',
    ]);
    expect(await asking.run('plugin')).toBe('first');
    expect([seen, asking.pages.size, asking.asked.length]).toEqual([true, 0, 2]);
  });
});
