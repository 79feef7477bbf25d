import { it } from 'vitest';
import { simulateFairShares } from './fair-shares.js';

it.each(Array.from({ length: 25 }, (_, seed) => seed + 1))(
  'serves tenants in turn, seed %i',
  async (seed) => await simulateFairShares(seed),
);
