import { expect, it } from 'vitest';
import { countersContract } from '../testing/contracts/counters.js';
import { createVirtualClock } from '../testing/virtual-clock.js';
import { createMemoryCounters } from './counters-memory.js';

countersContract('memory', async () => {
  const clock = createVirtualClock();
  return {
    counters: createMemoryCounters({ clock }),
    pass: async (durationMs) => void (await clock.advance(durationMs)),
    close: async () => undefined,
  };
});

it('drops the least recently used when there are too many', async () => {
  const counters = createMemoryCounters({ clock: createVirtualClock(), entriesMax: 2 });
  for (const key of ['a', 'b', 'a', 'c']) await counters.add(key, 1, 1_000);
  expect(await counters.get('a')).toBe('2');
  expect(await counters.get('b')).toBeUndefined();
});
