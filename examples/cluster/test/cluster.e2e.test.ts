/**
 * The cluster as `node examples/cluster/dist/main.js` starts it, under load, while its nodes are replaced. Clients count only
 * on a 250; in the end everything that was acknowledged must be in the mailbox. `npm run test:cluster` plays what else may
 * befall it, with the same code.
 */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Cluster, clusterMissing, startCluster } from '../dist/cluster.js';
import { upgrade } from '../dist/failures.js';
import { play } from '../dist/play.js';
import { isGood, tableHead, tableRow } from '../dist/report.js';

// Processes start in their own time, on a busy machine more so.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });
if (clusterMissing !== undefined) console.warn(`SKIPPED: ${clusterMissing}`);
// Each engine's failures are tested by themselves in any case; all of them on a whole cluster take minutes.
console.warn('SKIPPED: failures of a whole cluster: npm run test:cluster');

describe.skipIf(clusterMissing !== undefined)('a cluster under load', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster({ nodes: 2, nodeTimeoutMs: 4_000, isSynced: false, log: 'silent' });
  });
  afterAll(() => cluster?.stop());

  it('is upgraded node by node: nothing is lost, nothing delivered twice', async () => {
    const played = await play(cluster, upgrade, 0);
    console.log(`${tableHead}\n${tableRow(played)}`);
    expect(isGood(played)).toBe(true);
    expect(played).toMatchObject({ lost: [], filedTwice: 0 });
    expect(played.heard).toMatchObject({ refused: 0 });
    expect(played.heard.taken).toBeGreaterThan(10);
  });
});
