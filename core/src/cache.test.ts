import { expect, test } from 'vitest';
import { boundedCache } from './cache.js';

test('forgets what is older than its time to live', () => {
  let now = 0;
  const cache = boundedCache<string, number>({ entriesMax: 10, clock: { monotonic: () => now } });
  cache.set('short', 1, 100);
  cache.set('forever', 2);
  now = 99;
  expect(cache.get('short')).toBe(1);
  now = 100;
  expect(cache.get('short')).toBeUndefined();
  expect(cache.get('forever')).toBe(2);
  expect(cache.size).toBe(1);
});

test('keeps the entries that were used last', () => {
  const cache = boundedCache<number, string>({ entriesMax: 2, clock: { monotonic: () => 0 } });
  cache.set(1, 'one');
  cache.set(2, 'two');
  cache.get(1);
  cache.set(3, 'three');
  expect([cache.get(1), cache.get(2), cache.get(3)]).toEqual(['one', undefined, 'three']);
});
