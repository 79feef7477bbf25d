import { expect, it } from 'vitest';
import { simulateQueue } from './simulate-queue.js';
import { createMemoryStorage, type SimulatedStorage } from './storage.js';

/** The memory's storage, with a store that is not as it should be. */
function wrong(
  change: (store: ReturnType<SimulatedStorage['open']>) => Partial<typeof store>,
): SimulatedStorage {
  const right = createMemoryStorage();
  return {
    ...right,
    open(process) {
      const store = right.open(process);
      return { ...store, ...change(store) };
    },
  };
}

// Without the bound each of them would keep the event loop for ever, and no limit of this test could end it.
it('notices a queue that asks again and again while no time passes', async () => {
  // Something is always due, and never given.
  const storage = wrong(() => ({ lease: async () => [], nextDueAtMs: async () => 0 }));
  const run = simulateQueue({ seed: 3, storage: () => storage, limits: { atOnceMax: 500, allMax: 50_000 } });
  await expect(run).rejects.toThrow('the queue goes round in circles: 501 steps and no time passed');
});

it('notices a queue that works on and on and never ends', async () => {
  const storage = wrong(() => ({ settle: async () => Promise.reject(new Error('always full')) }));
  const run = simulateQueue({ seed: 3, storage: () => storage, limits: { atOnceMax: 20_000, allMax: 200 } });
  await expect(run).rejects.toThrow('the queue goes round in circles: 201 steps');
});

it('bounds what a run may take far above what one takes', async () => {
  const { steps } = await simulateQueue({ seed: 5 });
  expect(steps.all).toBeGreaterThan(100);
  expect(steps.atOnce).toBeLessThan(2_000);
});
