/** Starts the cluster, says what there is, and stops it on Ctrl-C; with `--upgrade` it shows an upgrade under load. */
import { parseArgs } from 'node:util';
import { messageOf } from '@postroad/core';
import { type Cluster, clusterMissing, startCluster } from './cluster.js';
import { type Heard, startLoad } from './load.js';
import { playAll } from './play-all.js';

const help = `Three nodes that keep nothing, behind HAProxy, on this machine: PostgreSQL with a standby, Redis and S3 (OpenStack Swift).

  node examples/cluster/dist/main.js [--nodes 3] [--upgrade] [--log warn]
  node examples/cluster/dist/main.js --failures [--json] [--only TEXT]

  --nodes N    so many nodes
  --upgrade    hand in mail all the time, replace one node after the other, and tell what the clients saw; then end
  --failures   play every failure under load, and tell what clients saw, how long it took, and whether anything was lost
  --json       as an object for each failure
  --only TEXT  only the failures whose names contain it
  --log LEVEL  debug, info, warn or error
  --help       this

Needs of Debian: postgresql redis-server haproxy python3-swift. Everything is in directories below the temporary one and
on loopback, and is gone when it ends. Build the workspace first: npm run build.`;

await main();

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      nodes: { type: 'string', default: '3' },
      upgrade: { type: 'boolean', default: false },
      failures: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      only: { type: 'string' },
      log: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(help);
    return;
  }
  if (clusterMissing !== undefined) fail(`The cluster can not run here: ${clusterMissing}`);
  const log = values.log as 'warn' | undefined;
  if (values.failures) {
    const { json: isJson, only } = values;
    const nodes = Number(values.nodes);
    const options = { nodes, isJson, only, stopping: askedToStop(), log: log ?? 'silent' } as const;
    // Clients that nobody serves any more would go on.
    if (!(await playAll(options))) process.exit(1);
    return;
  }
  console.log('Starting PostgreSQL with a standby, Redis, S3, the nodes and HAProxy ...');
  const cluster = await startCluster({
    nodes: Number(values.nodes),
    nodeTimeoutMs: 10_000,
    isSynced: true,
    log: log ?? 'warn',
  });
  const stopping = askedToStop();
  try {
    if (!values.upgrade) tell(cluster);
    await Promise.race([stopping, ...(values.upgrade ? [showUpgrade(cluster)] : [])]);
  } catch (error) {
    console.error(messageOf(error));
    process.exitCode = 1;
  } finally {
    console.log('Stopping everything ...');
    await cluster.stop();
  }
}

function askedToStop(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve());
  });
}

async function showUpgrade(cluster: Cluster): Promise<void> {
  const load = startLoad(cluster.smtpPort, cluster.account.login, 4);
  await load.more(20);
  for (const node of cluster.nodes) {
    console.log(`Replacing ${node.name} ...`);
    await node.stop();
    await node.start();
    await load.more(20);
  }
  await load.end();
  const count = (heard: Heard): number => load.tries.filter((one) => one.heard === heard).length;
  const putOff = load.tries.length - count('taken') - count('refused');
  console.log(
    `${count('taken')} messages were acknowledged, ${putOff} tries were put off, ${count('refused')} refused.`,
  );
}

function tell({ smtpPort, nodes, engines, account }: Cluster): void {
  console.log(`
SMTP through the balancer   127.0.0.1:${smtpPort}   (mail for ${account.login})
${nodes.map((node) => `${node.name}: SMTP 127.0.0.1:${node.smtpPort} (PROXY header), IMAP 127.0.0.1:${node.imapPort}`).join('\n')}
IMAP login                  ${account.login}, password ${account.password}
PostgreSQL                  ${engines.urls.join('\n                            ')}
Redis                       ${engines.redis.url}
S3                          ${engines.s3.options().endpoint}/${engines.s3.options().bucket}

Ctrl-C stops everything.`);
}

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}
