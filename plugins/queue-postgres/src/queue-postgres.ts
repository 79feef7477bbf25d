/** The plugin `queue-postgres`. */
import { hostname } from 'node:os';
import {
  Bodies,
  Clock,
  definePlugin,
  MailError,
  openedQueueStore,
  optional,
  QueueStore,
  type Timer,
} from '@postroad/core';
import { type Postgres, postgresTables, postgresTablesConfig } from '@postroad/postgres';
import { z } from 'zod';
import { sweepOutside } from './outside-bodies.js';
import { openPostgresQueueStore } from './postgres-queue-store.js';
import { migrations, owner } from './schema.js';

const config = z.strictObject({
  ...postgresTablesConfig,
  node: z
    .string()
    .min(1)
    .optional()
    .describe(
      'A name that no other running node has: who starts under it takes back at once what was leased under it.',
    ),
  nodeTimeoutMs: z
    .int()
    .min(1_000)
    .default(60_000)
    .describe('How long a node may be silent before its leases are given to others.'),
  largeBodies: z
    .enum(['database', 'outside'])
    .default('database')
    .describe(
      'Where bodies above the inline limit are kept: `outside` is what provides `Bodies`, such as bodies-s3.',
    ),
  commitsMax: z.int().min(1).default(4).describe('Commits of new messages on their way at once.'),
});

const tables = postgresTables(owner, migrations);

/** What outlives a generation. */
interface Opened {
  readonly store: QueueStore;
  readonly database: Postgres;
  /** That of the generation which started last. */
  bodies: Bodies | undefined;
}

/** Bodies whose message is gone stay so long, so that who reads them can go on. */
const graceMs = 3_600_000;

/** Keeps the queue in PostgreSQL, for several nodes that share it. */
export const queuePostgres = definePlugin({
  name: 'queue-postgres',
  description: 'Keeps the queue in PostgreSQL, for several nodes that share it.',
  config,
  needs: { clock: Clock, bodies: optional(Bodies) },
  provides: [QueueStore],
  migrate: tables.migrate,
  setup({ config: options, services: { clock, bodies }, provide, onStart, defer, keep, log }) {
    const isOutside = options.largeBodies === 'outside';
    if (isOutside && bodies === undefined)
      throw new MailError(
        'E_CONFIG',
        'largeBodies: outside needs a plugin that keeps bodies, such as bodies-s3',
      );
    let opened: Opened | undefined;
    let timer: Timer | undefined;
    let isClosing = false;
    const sweep = async (database: Postgres, from: Bodies): Promise<void> => {
      try {
        await sweepOutside(database, from, graceMs);
      } catch (error) {
        log.warn('bodies of messages that are gone could not be removed', { error });
      }
      if (!isClosing) timer = clock.after(graceMs / 4, () => void sweep(database, from));
    };
    onStart(async () => {
      opened = await keep(
        JSON.stringify([options.url, isOutside]),
        async () => {
          const database = await tables.open(options, { clock, log });
          const node = options.node ?? `${hostname()}-${process.pid}`;
          const made: Opened = {
            database,
            bodies,
            store: openPostgresQueueStore({
              ...options,
              isOutside,
              bodies: () => made.bodies,
              database,
              clock,
              log,
              node,
            }),
          };
          return made;
        },
        (kept) => kept.store.close(),
      );
      opened.bodies = bodies;
      const { database } = opened;
      if (bodies !== undefined) timer = clock.after(graceMs / 4, () => void sweep(database, bodies));
    });
    defer(() => {
      isClosing = true;
      timer?.cancel();
    });
    provide(
      QueueStore,
      openedQueueStore(() => opened?.store),
    );
  },
});
