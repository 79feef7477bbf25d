import { expect, it } from 'vitest';
import { simulateQueue } from './simulate-queue.js';

const first = Number(process.env.SEED ?? 1);
// A few hundred each time; `SEEDS=2000` for the thorough run. However slow the machine is, it ends and says how far it came.
const seeds = process.env.SEED === undefined ? Number(process.env.SEEDS ?? 300) : 1;
const timeMsMax = process.env.SEEDS === undefined ? 15_000 : 60_000;

it('keeps the promises of the queue over crashes, failing disks and hostile peers', async () => {
  const total = { runs: 0, acknowledged: 0, delivered: 0, bounced: 0, crashes: 0, copies: 0 };
  const startedAtMs = performance.now();
  for (let seed = first; seed < first + seeds && performance.now() - startedAtMs < timeMsMax; seed++) {
    const { counts } = await simulateQueue({ seed }).catch((error: unknown) => {
      throw new Error(`the simulation failed; replay it with SEED=${seed}`, { cause: error });
    });
    total.runs++;
    for (const key of ['acknowledged', 'delivered', 'bounced', 'crashes', 'copies'] as const) {
      total[key] += counts[key];
    }
  }
  console.log('queue simulation:', total);
  expect(total.runs).toBeGreaterThan(0);
  if (seeds === 1) return;
  // It proves nothing when nothing happens in it.
  expect(total.crashes).toBeGreaterThan(total.runs / 10);
  expect(total.delivered).toBeGreaterThan(total.runs);
  expect(total.bounced).toBeGreaterThan(total.runs / 10);
}, 120_000);
