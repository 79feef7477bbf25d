/** What may befall the cluster: how each failure begins, how long it is kept up, and how it ends. */
import { systemClock } from '@postroad/core';
import type { Cluster } from './cluster.js';
import { smallDiskMissing } from './disk.js';
import { takeConnections } from './take-connections.js';

/** One failure. */
export interface Failure {
  readonly name: string;
  /** Why it can not be played here. */
  readonly missing?: string | undefined;
  /** Resolves when it is there, with how to end it. */
  begin(cluster: Cluster): Promise<() => Promise<void>>;
  /** How long it is kept up; without it only as long as `begin` takes. */
  readonly lastsMs?: number;
  /** Whether other nodes must have filed everything that was taken before it ends. */
  readonly isTakenOver?: boolean;
  /** Large messages wait for their next try: an operator asks for it at the end. */
  readonly isRetried?: boolean;
}

const nothing = async (): Promise<void> => undefined;

/** All failures, in an order in which each can be played after the one before. `beyondLeaseMs` is longer than a lease. */
export function allFailures({ beyondLeaseMs }: { readonly beyondLeaseMs: number }): readonly Failure[] {
  return [
    ...failuresOfNodes(beyondLeaseMs),
    ...failuresOfPostgres(),
    ...failuresOfS3(),
    ...failuresOfRedis(),
    // The last one: what was the primary is not one any more.
    {
      name: 'PostgreSQL: primary killed, standby promoted',
      async begin({ engines }) {
        await engines.primary.kill();
        await engines.promote();
        return nothing;
      },
    },
  ];
}

/** An upgrade is no failure, but clients may see it. */
export const upgrade: Failure = {
  name: 'nodes replaced one after the other',
  async begin(cluster) {
    await cluster.upgrade();
    return nothing;
  },
};

function failuresOfNodes(beyondLeaseMs: number): readonly Failure[] {
  return [
    upgrade,
    {
      name: 'node killed',
      isTakenOver: true,
      async begin({ nodes: [first] }) {
        await first?.kill();
        return async () => await first?.start();
      },
    },
    {
      name: 'node stands still beyond its lease',
      lastsMs: beyondLeaseMs,
      async begin({ nodes: [, second] }) {
        second?.pause(true);
        return async () => second?.pause(false);
      },
    },
    {
      name: 'link between a node and PostgreSQL cut',
      lastsMs: beyondLeaseMs,
      async begin({ cutLink }) {
        cutLink(true);
        return async () => cutLink(false);
      },
    },
  ];
}

function failuresOfPostgres(): readonly Failure[] {
  return [
    {
      name: 'PostgreSQL restarted',
      async begin({ engines }) {
        await engines.primary.halt();
        return () => engines.primary.start();
      },
    },
    {
      name: 'PostgreSQL killed, down for 3 s',
      lastsMs: 3_000,
      async begin({ engines }) {
        await engines.primary.kill();
        return () => engines.primary.start();
      },
    },
    {
      name: 'PostgreSQL out of connections',
      lastsMs: 5_000,
      begin: ({ engines }) => takeConnections(engines.urls[0] as string),
    },
    {
      name: 'PostgreSQL read-only',
      lastsMs: 5_000,
      async begin({ engines: { primary } }) {
        const set = async (to: string): Promise<void> => {
          await primary.query(`ALTER SYSTEM SET default_transaction_read_only = ${to}`);
          await primary.query('SELECT pg_reload_conf()');
        };
        await set('on');
        return () => set('off');
      },
    },
    {
      name: 'PostgreSQL: disk full',
      missing: smallDiskMissing,
      lastsMs: 5_000,
      async begin({ engines }) {
        await engines.disk?.fill();
        return async () => {
          await engines.disk?.free();
          await engines.revive();
        };
      },
    },
  ];
}

function failuresOfS3(): readonly Failure[] {
  const faults = [
    ['slow (1 s for each request)', 'slow', () => true],
    ['failing (503)', 'busy', () => true],
    ['loses the answers of writes', 'lose', (method: string) => method === 'PUT'],
    ['silent', 'silence', () => true],
  ] as const;
  return faults.map(
    ([what, fault, isMeant]): Failure => ({
      name: `S3 ${what}`,
      lastsMs: 6_000,
      isRetried: true,
      async begin({ engines: { wire } }) {
        wire.decide((method) => (isMeant(method) ? fault : 'pass'));
        return async () => wire.decide(() => 'pass');
      },
    }),
  );
}

function failuresOfRedis(): readonly Failure[] {
  return [
    {
      name: 'Redis gone',
      lastsMs: 5_000,
      async begin({ engines: { redis } }) {
        await redis.kill();
        return () => redis.start();
      },
    },
    {
      name: 'Redis silent',
      lastsMs: 5_000,
      async begin({ engines: { redis } }) {
        redis.pause(true);
        return async () => redis.pause(false);
      },
    },
  ];
}

/** Keeps a failure up. */
export async function keepUp({ lastsMs = 0 }: Failure): Promise<void> {
  if (lastsMs > 0) await systemClock.sleep(lastsMs);
}
