import { createMemoryCounters } from '@postroad/core';
import { createVirtualClock } from '@postroad/core/testing';
import { expect, test } from 'vitest';
import { createPlaces, leaseMs, type Place } from './places.js';

const log = { warn() {} };

function setUp() {
  const clock = createVirtualClock();
  const counters = createMemoryCounters({ clock });
  const process = (owner: string, of = counters) => createPlaces({ counters: of, clock, log, owner });
  return { clock, counters, process };
}

test('are shared by all processes, also when they come at once', async () => {
  const { clock, process } = setUp();
  const [a, b] = [process('a'), process('b')];
  const asked = Array.from({ length: 8 }, (_, at) => (at % 2 === 0 ? a : b).take('x', 5));
  const got = await Promise.all(asked);
  const places = got.filter((one) => one !== undefined);
  expect(new Set(places.map(({ key }) => key)).size).toBe(5);
  expect(await a.take('x', 5)).toBeUndefined();
  expect(await a.take('y', 5)).toBeDefined();
  await (got[0] === undefined ? b : a).give(places[0] as Place);
  expect(await b.take('x', 5)).toBeDefined();
  expect(await b.take('x', 5)).toBeUndefined();
  a.stop();
  b.stop();
  expect(clock.timers).toBe(0);
});

test('are kept for as long as their process lives, and free soon after it was killed', async () => {
  const { clock, process } = setUp();
  const [a, b] = [process('a'), process('b')];
  const place = await a.take('x', 2);
  expect(await b.take('x', 2)).toBeDefined();
  await clock.advance(10 * leaseMs);
  expect(await b.take('x', 2)).toBeUndefined();
  a.stop();
  await clock.advance(leaseMs);
  expect(await b.take('x', 2)).toBeDefined();
  // It was another's by then, and stays that.
  await a.give(place as Place);
  expect(await b.take('x', 2)).toBeUndefined();
  b.stop();
});

test('are kept over a short time without counters, and not taken back after a long one', async () => {
  const { clock, counters, process } = setUp();
  let isAway = false;
  const unlessAway = <T>(work: () => T): T | Promise<never> =>
    isAway ? Promise.reject(new Error('away')) : work();
  const a = process('a', {
    ...counters,
    set: (...args) => unlessAway(() => counters.set(...args)),
    setIfAbsent: (...args) => unlessAway(() => counters.setIfAbsent(...args)),
  });
  const b = process('b');
  const place = await a.take('x', 1);
  isAway = true;
  await clock.advance(leaseMs / 2);
  isAway = false;
  await clock.advance(leaseMs);
  expect(await b.take('x', 1)).toBeUndefined();
  isAway = true;
  await clock.advance(2 * leaseMs);
  expect(await b.take('x', 1)).toBeDefined();
  isAway = false;
  await clock.advance(leaseMs);
  expect(await counters.get('x:0')).toBe('b');
  await a.give(place as Place);
  expect(await counters.get('x:0')).toBe('b');
  a.stop();
  b.stop();
});

test('that are given back while they are renewed are free', async () => {
  const { clock, counters, process } = setUp();
  let renewed: () => void = () => undefined;
  const a = process('a', {
    ...counters,
    set: async (...args) => {
      await new Promise<void>((resolve) => {
        renewed = resolve;
      });
      await counters.set(...args);
    },
  });
  const place = await a.take('x', 1);
  await clock.advance(30_000);
  await a.give(place as Place);
  renewed();
  await clock.settle();
  expect(await counters.get('x:0')).toBeUndefined();
  a.stop();
});
