/** Asks again until something holds: for what another process does in its own time. */
import { setTimeout as wait } from 'node:timers/promises';

const turnsMax = 1_000;
const pauseMs = 50;

/** Resolves with the first answer that is not `undefined` or `false`; rejects after a bounded number of turns. */
export async function poll<T>(
  what: string,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  for (let turn = 0; turn < turnsMax; turn++) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    await wait(pauseMs);
  }
  throw new Error(`still not so after ${turnsMax} turns: ${what}`);
}
