import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createVirtualClock } from '../testing/virtual-clock.js';
import { createDiskRoom } from './disk-room.js';

it('is looked at now and then, not at every question', async () => {
  const clock = createVirtualClock();
  const answers = [100, 50];
  let looks = 0;
  const room = createDiskRoom('/data', clock, async () => answers[looks++] ?? 0);
  expect(room.freeOctets()).toBeUndefined();
  await clock.settle();
  expect(room.freeOctets()).toBe(100);
  await clock.advance(1_000);
  expect(room.freeOctets()).toBe(100);
  expect(looks).toBe(1);
  await clock.advance(1_000);
  expect(room.freeOctets()).toBe(100);
  await clock.settle();
  expect(room.freeOctets()).toBe(50);
});

it('is unknown where it can not be told, and known on a real disk', async () => {
  const clock = createVirtualClock();
  const missing = createDiskRoom('/data', clock, () => Promise.reject(new Error('EIO')));
  const real = createDiskRoom(join(tmpdir(), 'not', 'made', 'yet'), clock);
  await expect.poll(() => real.freeOctets()).toBeGreaterThan(0);
  expect(missing.freeOctets()).toBeUndefined();
});
