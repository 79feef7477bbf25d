import { createVirtualClock } from '@postroad/core/testing';
import { describe, expect, it } from 'vitest';
import { createGroupCommit } from './group-commit.js';

/** A group commit whose commits end when the test says so. */
function commits(commitsMax = 4) {
  const clock = createVirtualClock();
  const begun: { readonly items: readonly number[]; end(error?: Error): void }[] = [];
  const put = createGroupCommit<number>(
    { clock, commitsMax, itemsMax: 100, bytesMax: 1000 },
    (items) =>
      new Promise((resolve, reject) => {
        begun.push({ items, end: (error) => (error === undefined ? resolve() : reject(error)) });
      }),
    (error) => (error as Error).message === 'lost',
  );
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  return { clock, begun, put, turn, sizes: () => begun.map(({ items }) => items.length) };
}

describe('a group commit', () => {
  it('takes together what comes in one turn, and begins another when as much waits as is on its way', async () => {
    const { begun, put, turn, sizes } = commits();
    const all = [1, 2, 3].map((item) => put(item, 1));
    await turn();
    expect(sizes()).toEqual([3]);
    all.push(put(4, 1), put(5, 1));
    await turn();
    expect(sizes()).toEqual([3]);
    all.push(put(6, 1));
    await turn();
    expect(sizes()).toEqual([3, 3]);
    for (const one of begun) one.end();
    await Promise.all(all);
  });

  it('begins the next when one ends, whatever waits', async () => {
    const { begun, put, turn, sizes } = commits();
    const all = [1, 2, 3].map((item) => put(item, 1));
    await turn();
    all.push(put(4, 1));
    begun[0]?.end();
    await turn();
    expect(sizes()).toEqual([3, 1]);
    begun[1]?.end();
    await Promise.all(all);
  });

  it('lets nothing wait for a commit that hangs, and has no more at once than it may', async () => {
    const { clock, begun, put, turn, sizes } = commits(2);
    const all = [1, 2, 3].map((item) => put(item, 1));
    await turn();
    all.push(put(4, 1));
    await turn();
    await clock.advance(50);
    expect(sizes()).toEqual([3, 1]);
    all.push(...[5, 6, 7, 8, 9].map((item) => put(item, 1)));
    await turn();
    await clock.advance(1000);
    expect(sizes()).toEqual([3, 1]);
    begun[1]?.end();
    await turn();
    expect(sizes()).toEqual([3, 1, 5]);
    for (const one of begun) one.end();
    await Promise.all(all);
  });

  it('tries each alone when one may be the reason, and none when nobody is to blame', async () => {
    const { begun, put, turn, sizes } = commits(1);
    const good = put(1, 1);
    const bad = put(2, 1);
    bad.catch(() => {});
    await turn();
    begun[0]?.end(new Error('one of them'));
    await turn();
    begun[1]?.end();
    await turn();
    begun[2]?.end(new Error('this one'));
    await good;
    await expect(bad).rejects.toThrow('this one');
    const lost = [put(3, 1), put(4, 1)];
    const told = Promise.allSettled(lost);
    await turn();
    begun[3]?.end(new Error('lost'));
    expect((await told).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(sizes()).toEqual([2, 1, 1, 2]);
  });
});
