/**
 * One node of the cluster, as its environment says: it keeps nothing, everything is in PostgreSQL, S3 and Redis. The same
 * composition runs in the script, in containers and in Kubernetes.
 */
import { accessImap } from '@postroad/access-imap';
import { authPostgres } from '@postroad/auth-postgres';
import { bodiesS3 } from '@postroad/bodies-s3';
import { checkRate } from '@postroad/check-rate';
import { listener, type MtaOptions } from '@postroad/core';
import { countersRedis } from '@postroad/counters-redis';
import { deliverSmtp } from '@postroad/deliver-smtp';
import { observeTimelinePostgres } from '@postroad/observe-timeline-postgres';
import { queuePostgres } from '@postroad/queue-postgres';
import { routeLocal } from '@postroad/route-local';
import { storePostgres } from '@postroad/store-postgres';

type Environment = Readonly<Record<string, string | undefined>>;

/** The server, ready for `createMta` or a configuration file. Throws when a variable is missing. */
export function clusterNode(environment: Environment): MtaOptions {
  const need = (name: string): string => {
    const value = environment[name];
    if (value === undefined || value === '') throw new Error(`the environment lacks ${name}`);
    return value;
  };
  const read: Read = {
    need,
    number: (name, otherwise) => Number(environment[name] ?? otherwise),
    list: (name) => environment[name]?.split(',').filter((one) => one !== '') ?? [],
    host: environment.POSTROAD_BIND ?? '0.0.0.0',
  };
  const socket = environment.POSTROAD_CONTROL;
  return {
    hostname: need('POSTROAD_HOSTNAME'),
    tls: tlsOf(environment),
    ...(socket === undefined ? {} : { control: { socket } }),
    log: { level: (environment.POSTROAD_LOG ?? 'info') as 'info' },
    drainMs: read.number('POSTROAD_DRAIN_MS', 20_000),
    plugins: [...enginesOf(read), ...policyOf(read)],
    listeners: listenersOf(read),
  };
}

/** How variables are read. */
interface Read {
  need(name: string): string;
  number(name: string, otherwise: number): number;
  list(name: string): string[];
  readonly host: string;
}

function enginesOf({ need, number, list }: Read) {
  // In traces; the host's name by default.
  const [node] = list('POSTROAD_NODE');
  const url = need('POSTROAD_DATABASE').split(',');
  const database = { url, connectionsMax: number('POSTROAD_CONNECTIONS', 8) };
  const timeoutMs = number('POSTROAD_S3_TIMEOUT_MS', 20_000);
  return [
    queuePostgres({ ...database, nodeTimeoutMs: number('POSTROAD_NODE_TIMEOUT_MS', 60_000) }),
    observeTimelinePostgres({ url, ...(node === undefined ? {} : { node }) }),
    storePostgres(database),
    authPostgres(database),
    bodiesS3({
      endpoint: need('POSTROAD_S3_ENDPOINT'),
      bucket: need('POSTROAD_S3_BUCKET'),
      accessKeyId: need('POSTROAD_S3_KEY'),
      secretAccessKey: need('POSTROAD_S3_SECRET'),
      requestTimeoutMs: timeoutMs,
      writeTimeoutMs: 3 * timeoutMs,
    }),
    countersRedis({ url: need('POSTROAD_REDIS') }),
  ];
}

function policyOf({ number, list, host }: Read) {
  const daily = {
    name: 'daily',
    units: 2_000,
    perMs: 86_400_000,
    count: 'recipients',
    who: 'users',
  } as const;
  return [
    checkRate({
      limits: [
        { at: 'connect', by: ['client'], units: 6_000, perMs: 60_000, who: 'strangers' },
        { ...daily, at: 'message', by: ['user'] },
      ],
    }),
    routeLocal({ domains: list('POSTROAD_DOMAINS') }),
    deliverSmtp(),
    accessImap({
      host,
      port: number('POSTROAD_IMAP_PORT', 143),
      tls: 'starttls',
      plaintextAuth: isLoopback(host),
    }),
  ];
}

function listenersOf({ number, list, host }: Read) {
  const proxyFrom = list('POSTROAD_PROXY_FROM');
  const shared = {
    host,
    limits: { connectionsPerAddressMax: 200, connectionsPerNetworkMax: 1_000 },
    ...(proxyFrom.length === 0 ? {} : { proxyFrom }),
  };
  return [
    listener({ ...shared, name: 'smtp', port: number('POSTROAD_SMTP_PORT', 25), role: 'relay' }),
    listener({
      ...shared,
      name: 'submission',
      port: number('POSTROAD_SUBMISSION_PORT', 587),
      role: 'submission',
      plaintextAuth: isLoopback(host),
    }),
  ];
}

/** Passwords may go in plain text only where no network is crossed. */
function isLoopback(host: string): boolean {
  return host === '127.0.0.1';
}

function tlsOf({ POSTROAD_TLS_CERTIFICATE, POSTROAD_TLS_KEY, POSTROAD_TLS_DIRECTORY }: Environment) {
  if (POSTROAD_TLS_CERTIFICATE !== undefined && POSTROAD_TLS_KEY !== undefined)
    return { certificateFile: POSTROAD_TLS_CERTIFICATE, keyFile: POSTROAD_TLS_KEY };
  return { selfSignedDirectory: POSTROAD_TLS_DIRECTORY ?? '/tmp/postroad-tls' };
}
