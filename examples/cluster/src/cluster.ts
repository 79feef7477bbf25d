/** The whole cluster on one machine. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAccounts } from '@postroad/auth-postgres';
import { systemClock } from '@postroad/core';
import { freePort } from '@postroad/core/testing';
import { openPostgres } from '@postroad/postgres';
import { balancerMissing, startBalancer } from './balancer.js';
import { type Engines, enginesMissing, startEngines } from './engines.js';
import { openLink } from './link.js';
import { createPlace, migrateAll, type NodePlace } from './nodes.js';

/** A running cluster. */
export interface Cluster {
  readonly engines: Engines;
  readonly nodes: readonly NodePlace[];
  /** Where clients come: the balancer. */
  readonly smtpPort: number;
  /** The one account. */
  readonly account: { readonly login: string; readonly password: string };
  /** Replaces one node after the other, as an upgrade does. */
  upgrade(): Promise<void>;
  /** Cuts the last node off from PostgreSQL, without anybody being told, or joins it again. */
  cutLink(isCut: boolean): void;
  stop(): Promise<void>;
}

/** How to start it. */
export interface ClusterOptions {
  readonly nodes: number;
  readonly nodeTimeoutMs: number;
  readonly isSynced: boolean;
  /** Whether the primary is on a small file system of its own, where one can be made. */
  readonly isDiskSmall?: boolean;
  readonly log: 'debug' | 'info' | 'warn' | 'error' | 'silent';
}

/** Why it can not run here; `undefined` when it can. */
export const clusterMissing = enginesMissing ?? balancerMissing;

const account = { login: 'alice@cluster.test', password: 'wonderland' };
const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

/** Starts everything; a failure stops what was started. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const one of stops.splice(0).reverse()) await one();
  };
  try {
    const directory = await mkdtemp(join(tmpdir(), 'postroad-cluster-'));
    stops.push(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
    const engines = await startEngines(options);
    stops.push(() => engines.stop());
    const ports = await freePorts(3 * options.nodes + 1);
    const links = await Promise.all([engines.primary, engines.standby].map(({ port }) => openLink(port)));
    stops.push(async () => void (await Promise.all(links.map((link) => link.close()))));
    const linked = engines.urls.map((url, at) => url.replace(/:\d+\//, `:${links[at]?.port}/`));
    const nodes = Array.from({ length: options.nodes }, (_, at) => {
      const urls = at === options.nodes - 1 ? linked : engines.urls;
      return createPlace(`node${at + 1}`, environmentOf({ ...engines, urls }, options, directory, at, ports));
    });
    await migrateAll(environmentOf(engines, options, directory, 0, ports));
    await addAccount(engines.urls[0] as string);
    await Promise.all(
      nodes.map((node) => {
        stops.push(() => node.stop());
        return node.start();
      }),
    );
    const smtpPort = ports.at(-1) as number;
    const balancer = await startBalancer([
      { name: 'smtp', port: smtpPort, nodes: nodes.map((node) => node.smtpPort) },
    ]);
    stops.push(() => balancer.stop());
    const upgrade = async (): Promise<void> => {
      for (const node of nodes) {
        await node.stop();
        await node.start();
      }
    };
    const cutLink = (isCut: boolean): void => {
      for (const link of links) link.cut(isCut);
    };
    return { engines, nodes, smtpPort, account, upgrade, cutLink, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function environmentOf(
  { urls, redis, s3, wire }: Engines,
  options: ClusterOptions,
  directory: string,
  at: number,
  ports: readonly number[],
): Readonly<Record<string, string>> {
  const { endpoint, bucket, accessKeyId, secretAccessKey } = s3.options({
    endpoint: `http://127.0.0.1:${wire.port}`,
  });
  const port = (which: number): string => String(ports[3 * at + which]);
  return {
    POSTROAD_HOSTNAME: `node${at + 1}.cluster.test`,
    POSTROAD_NODE: `node${at + 1}`,
    POSTROAD_DATABASE: urls.join(','),
    POSTROAD_CONNECTIONS: '4',
    POSTROAD_NODE_TIMEOUT_MS: String(options.nodeTimeoutMs),
    POSTROAD_REDIS: redis.url,
    POSTROAD_S3_ENDPOINT: endpoint,
    POSTROAD_S3_BUCKET: bucket,
    POSTROAD_S3_KEY: accessKeyId,
    POSTROAD_S3_SECRET: secretAccessKey,
    POSTROAD_S3_TIMEOUT_MS: '2000',
    POSTROAD_DOMAINS: 'cluster.test',
    POSTROAD_BIND: '127.0.0.1',
    POSTROAD_PROXY_FROM: '127.0.0.1',
    POSTROAD_SMTP_PORT: port(0),
    POSTROAD_SUBMISSION_PORT: port(1),
    POSTROAD_IMAP_PORT: port(2),
    POSTROAD_TLS_DIRECTORY: join(directory, `tls${at}`),
    POSTROAD_CONTROL: join(directory, `control${at}.sock`),
    POSTROAD_LOG: options.log,
    POSTROAD_DRAIN_MS: '3000',
  };
}

async function addAccount(url: string): Promise<void> {
  const limits = { connectionsMax: 1, connectTimeoutMs: 20_000, statementTimeoutMs: 20_000 };
  const options = { url, tls: 'none', name: 'example', ...limits } as const;
  const database = openPostgres(options, { clock: systemClock, log: silent });
  try {
    await createAccounts(database, { hashes: [], iterations: 4_096 }).add(account);
  } finally {
    await database.close();
  }
}

async function freePorts(count: number): Promise<readonly number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
}
