/** All failures on one cluster, one after the other, told as they are over. */
import { type Cluster, clusterMissing, startCluster } from './cluster.js';
import { allFailures, type Failure } from './failures.js';
import { play } from './play.js';
import { isGood, tableHead, tableRow } from './report.js';

/** What to play, and how to tell of it. */
export interface PlayOptions {
  readonly nodes: number;
  readonly isJson: boolean;
  /** Only the failures whose names contain it. */
  readonly only?: string | undefined;
  /** Ends everything early; it then counts as not shown. */
  readonly stopping: Promise<void>;
  readonly log: 'debug' | 'info' | 'warn' | 'error' | 'silent';
}

const nodeTimeoutMs = 4_000;

/** Plays them; resolves with whether nothing was lost. Prints a table, or one object of JSON for each failure. */
export async function playAll({ nodes, isJson, only = '', stopping, log }: PlayOptions): Promise<boolean> {
  if (clusterMissing !== undefined) throw new Error(`the cluster can not run here: ${clusterMissing}`);
  const failures = allFailures({ beyondLeaseMs: 3 * nodeTimeoutMs }).filter(({ name }) =>
    name.includes(only),
  );
  const cluster = await startCluster({ nodes, nodeTimeoutMs, isSynced: true, log, isDiskSmall: true });
  try {
    if (!isJson) console.log(tableHead);
    return await Promise.race([playEach(cluster, failures, isJson), stopping.then(() => false)]);
  } finally {
    await cluster.stop();
  }
}

async function playEach(cluster: Cluster, failures: readonly Failure[], isJson: boolean): Promise<boolean> {
  let isAllGood = true;
  for (const [at, failure] of failures.entries()) {
    if (failure.missing !== undefined) {
      console.warn(`SKIPPED: ${failure.name}: ${failure.missing}`);
      continue;
    }
    const played = await play(cluster, failure, at);
    console.log(isJson ? JSON.stringify(played) : tableRow(played));
    if (!isGood(played)) console.error(`LOST OR REFUSED: ${JSON.stringify(played)}`);
    isAllGood &&= isGood(played);
  }
  return isAllGood;
}
