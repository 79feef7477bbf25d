// Runs one of the queue's simulations of a built core until it notices something: `run-seeds.mjs DIST KIND SEEDS`. Prints a
// line of JSON: the seed, or `null`, and what was noticed.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [dist = '', kind = '', seeds = '0'] = process.argv.slice(2);
const load = (file) => import(pathToFileURL(join(dist, 'testing', 'simulation', file)).href);

async function simulation() {
  if (kind === 'shares') return (await load('fair-shares.js')).simulateFairShares;
  if (kind === 'queue') {
    const { simulateQueue } = await load('simulate-queue.js');
    return (seed) => simulateQueue({ seed });
  }
  const { simulateNodes } = await load('simulate-nodes.js');
  return (seed) => simulateNodes({ seed, kinds: ['wavering'], troubles: ['paused', 'cut'] });
}

const run = await simulation();
let noticed = { seed: null };
for (let seed = 1; seed <= Number(seeds) && noticed.seed === null; seed++) {
  await run(seed).catch((error) => {
    noticed = { seed, what: error.message, isPromise: error.constructor.name === 'BrokenPromise' };
  });
}
console.log(JSON.stringify(noticed));
// A queue that was broken may have left something behind that would go on.
process.exit(0);
