import { expect, it } from 'vitest';
import { createVirtualClock } from '../testing/virtual-clock.js';
import { createMemoryShare, type MemoryFacts } from './memory-share.js';

const facts: MemoryFacts = { heap: 10, heapMax: 100, outside: 0, systemMax: 200 };

it('is that of the heap or that of the system, whatever is nearer to its end', () => {
  const clock = createVirtualClock();
  const of = (changed: Partial<MemoryFacts>) =>
    createMemoryShare(clock, () => ({ ...facts, ...changed })).share();
  expect(of({})).toBe(0.1);
  expect(of({ heap: 90 })).toBe(0.9);
  expect(of({ outside: 150 })).toBe(0.8);
  expect(of({ outside: 150, systemMax: undefined })).toBe(0.1);
});

it('is looked at no more often than twice a second', async () => {
  const clock = createVirtualClock();
  let looks = 0;
  const memory = createMemoryShare(clock, () => {
    looks++;
    return { ...facts, heap: looks };
  });
  expect([memory.share(), memory.share()]).toEqual([0.01, 0.01]);
  await clock.advance(499);
  expect(memory.share()).toBe(0.01);
  await clock.advance(1);
  expect([memory.share(), looks]).toEqual([0.02, 2]);
});

it('is a part of what this process may have', () => {
  const share = createMemoryShare(createVirtualClock()).share();
  expect(share).toBeGreaterThan(0);
  expect(share).toBeLessThan(1);
});
