/**
 * The cluster as `node examples/cluster/dist/main.js` starts it, under load, and what may befall it. Clients count only on
 * a 250; in the end everything that was acknowledged must be in the mailbox, whatever happened.
 */

import { systemClock } from '@postroad/core';
import { ImapFlow } from 'imapflow';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Cluster, clusterMissing, startCluster } from '../dist/cluster.js';
import { handIn, type Load, startLoad } from '../dist/load.js';

// Processes start in their own time, on a busy machine more so.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });
if (clusterMissing !== undefined) console.warn(`SKIPPED: ${clusterMissing}`);
// Each engine's failures are tested by themselves in any case; all of them on a whole cluster take minutes.
const isWhole = process.env.CLUSTER === 'whole';
if (!isWhole) console.warn('SKIPPED: failures of a whole cluster: npm run test:cluster');

describe.skipIf(clusterMissing !== undefined)('a cluster under load', () => {
  let cluster: Cluster;
  const acknowledged: string[] = [];

  /** Hands in mail all the time while `trouble` goes on, and until so many came through after it; says how long that took. */
  async function under(
    what: string,
    trouble: (load: Load) => Promise<void>,
  ): Promise<{ readonly putOff: number }> {
    const load = startLoad(cluster.smtpPort, cluster.account.login, 2, `${acknowledged.length}-`);
    await load.more(2);
    const beganMs = systemClock.monotonic();
    await trouble(load);
    await load.more(4);
    // For the table in docs/scaling.md.
    console.log(`${what}: mail is taken again ${tenths(beganMs)} s after it began`);
    const result = await load.end();
    acknowledged.push(...result.acknowledged);
    // Trouble of ours is never a client's fault.
    expect(result.refused).toEqual([]);
    return result;
  }

  /** What is in the mailbox, as a client sees it from one of the nodes. */
  async function subjects(node: number): Promise<readonly string[]> {
    const { login: user, password: pass } = cluster.account;
    const client = new ImapFlow({
      host: '127.0.0.1',
      port: cluster.nodes[node]?.imapPort ?? 0,
      secure: false,
      tls: { rejectUnauthorized: false },
      auth: { user, pass },
      logger: false,
    });
    await client.connect();
    try {
      await client.mailboxOpen('INBOX');
      const all: string[] = [];
      for await (const message of client.fetch('1:*', { envelope: true }))
        all.push(message.envelope?.subject ?? '');
      return all;
    } finally {
      await client.logout();
    }
  }
  const missing = async (): Promise<readonly string[]> => {
    const there = new Set(await subjects(0).catch(() => []));
    return acknowledged.filter((subject) => !there.has(subject));
  };

  beforeAll(async () => {
    cluster = await startCluster({
      nodes: isWhole ? 3 : 2,
      nodeTimeoutMs: 4_000,
      isSynced: false,
      log: 'silent',
    });
  });
  afterAll(() => cluster?.stop());

  /** Waits until everything that was acknowledged is filed, and says how long it took. */
  async function whenFiled(what: string): Promise<void> {
    const beganMs = systemClock.monotonic();
    await expect.poll(missing, { timeout: 120_000 }).toEqual([]);
    console.log(`${what}: everything is filed ${tenths(beganMs)} s later`);
  }

  it('takes mail with all nodes, which see the client behind the balancer', async () => {
    await under('no trouble', async (load) => load.more(6));
    await expect.poll(missing, { timeout: 120_000 }).toEqual([]);
    const all = await subjects(1);
    expect(new Set(all).size).toBe(all.length);
  });

  it('is upgraded node by node, and nothing is lost', async () => {
    await under('an upgrade of all nodes', () => cluster.upgrade());
    await whenFiled('an upgrade of all nodes');
  });

  it.skipIf(!isWhole)(
    'loses a node, one stands still beyond its lease, and Redis is gone: mail goes on',
    async () => {
      const [first, second] = cluster.nodes;
      await under('a node killed, one standing still, Redis gone', async (load) => {
        await first?.kill();
        second?.pause(true);
        await cluster.engines.redis.kill();
        await load.more(4);
        second?.pause(false);
        await first?.start();
        await cluster.engines.redis.start();
      });
      await whenFiled('a node killed, one standing still, Redis gone');
    },
  );

  it.skipIf(!isWhole)(
    'goes on with small messages while S3 is silent, and files the large ones when it answers',
    async () => {
      const { login: to } = cluster.account;
      cluster.engines.s3.pause(true);
      const large = { subject: 'large in silence', to, octets: 100_000 };
      const small = { subject: 'small in silence', to, octets: 1_000 };
      for (const message of [large, small]) {
        await expect.poll(() => handIn(cluster.smtpPort, message), { timeout: 60_000 }).toMatch(/^250/);
        acknowledged.push(message.subject);
      }
      await expect.poll(missing, { timeout: 60_000 }).toEqual(['large in silence']);
      cluster.engines.s3.pause(false);
      // One node speaks for the queue that all share.
      await cluster.nodes[0]?.command(['queue', 'retry', '--all']);
      await whenFiled('S3 answers again');
    },
  );

  it.skipIf(!isWhole)(
    'fails over to the standby: clients are put off meanwhile, and nothing that was acknowledged is lost',
    async () => {
      const { putOff } = await under('the primary killed, the standby promoted', async () => {
        await cluster.engines.primary.kill();
        await cluster.engines.promote();
      });
      expect(putOff).toBeGreaterThan(0);
      await whenFiled('the primary killed, the standby promoted');
    },
  );
});

/** Seconds since then. */
function tenths(beganMs: number): string {
  return ((systemClock.monotonic() - beganMs) / 1_000).toFixed(1);
}
