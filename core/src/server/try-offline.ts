/** A trial with a configuration that is not running: its plugins are started, its ports and its queue are not. */
import type { MtaOptions } from '../mta-options.js';
import { runStep } from '../plugin/lifecycle.js';
import { buildGeneration, scopesOf } from './generation.js';
import { createHouse, type MtaServices } from './house.js';
import { disposeGeneration } from './run-generation.js';
import { type TrialReport, type TrialRequest, tryMessage } from './try-message.js';

/** Tries a message with these options; everything that was started for it is ended again. */
export async function tryOffline(
  options: MtaOptions,
  services: MtaServices,
  request: TrialRequest,
): Promise<TrialReport> {
  const house = createHouse(services);
  const generation = buildGeneration(house, options, 1);
  try {
    await generation.defaults.spool.open();
    for (const scope of scopesOf(generation)) {
      for (const step of scope.starts) await runStep(step, 'its start', house.clock);
    }
    return await tryMessage(house, generation, request);
  } finally {
    await disposeGeneration(house, generation);
  }
}
