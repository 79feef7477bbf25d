import { describe, expect, it } from 'vitest';
import { BrokenPromise } from './ledger.js';
import type { NodesSimulationOptions } from './nodes-world.js';
import { simulateNodes } from './simulate-nodes.js';

/** Set `SEED` to repeat one run; `SEEDS` to try more, up to what takes some ten seconds. */
const { SEED, SEEDS } = process.env;
const runs = SEED === undefined ? Math.min(Number(SEEDS ?? 100), 150) : 1;
const first = SEED === undefined ? 1 : Number(SEED);

describe('many nodes on one queue, simulated', () => {
  it(`keeps its promises in ${runs} runs from seed ${first}`, { timeout: 300_000 }, async () => {
    const sums = { acknowledged: 0, delivered: 0, copies: 0, troubles: 0, quietRuns: 0 };
    for (let seed = first; seed < first + runs; seed++) {
      const { counts, troubles } = await simulateNodes({ seed }).catch((cause: unknown) => {
        throw new Error(`SEED=${seed} breaks a promise`, { cause });
      });
      const number = Object.values(troubles).reduce((sum, one) => sum + one, 0);
      sums.acknowledged += counts.acknowledged;
      sums.delivered += counts.delivered;
      sums.copies += counts.copies;
      sums.troubles += number;
      if (number === 0) sums.quietRuns++;
    }
    if (runs < 100) return;
    // Otherwise nothing was tested.
    expect(sums.acknowledged).toBeGreaterThan(10 * runs);
    expect(sums.delivered).toBeGreaterThan(5 * runs);
    expect(sums.troubles).toBeGreaterThan(2 * runs);
    expect(sums.copies).toBeGreaterThan(0);
    expect(sums.quietRuns).toBeGreaterThan(0);
  });

  const hard = { kinds: ['wavering'], troubles: ['paused', 'cut'] } as const;
  const isBroken = async (how: Omit<NodesSimulationOptions, 'seed'>): Promise<boolean> => {
    let isNoticed = false;
    for (let seed = 1; seed <= 20 && !isNoticed; seed++) {
      await simulateNodes({ seed, ...hard, ...how }).catch((error: unknown) => {
        if (!(error instanceof BrokenPromise)) throw error;
        isNoticed = true;
      });
    }
    return isNoticed;
  };

  it('notices when the queue does not fence, or does not tie reports to settlements', async () => {
    expect(await isBroken({})).toBe(false);
    expect(await isBroken({ isFenced: false })).toBe(true);
    expect(await isBroken({ isTied: false })).toBe(true);
  }, 120_000);

  it('is the same run for the same seed', async () => {
    expect(await simulateNodes({ seed: 7 })).toEqual(await simulateNodes({ seed: 7 }));
  });
});
