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
  systemClock,
  type Timer,
} from '@postroad/core';
import {
  migrate,
  openPostgres,
  type Postgres,
  pendingMigrations,
  postgresConfig,
  requireMigrated,
} from '@postroad/postgres';
import { z } from 'zod';
import { sweepOutside } from './outside-bodies.js';
import { openPostgresQueueStore } from './postgres-queue-store.js';
import { migrations, owner } from './schema.js';

const config = z.strictObject({
  ...postgresConfig,
  migrates: z
    .boolean()
    .default(false)
    .describe('Bring the tables up to date at the start, instead of by `postroad migrate`.'),
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

/** What outlives a generation. */
interface Opened {
  readonly store: QueueStore;
  readonly database: Postgres;
  /** That of the generation which started last. */
  bodies: Bodies | undefined;
}

/** Bodies whose message is gone stay so long, so that who reads them can go on. */
const graceMs = 3_600_000;
const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

/** Keeps the queue in PostgreSQL, for several nodes that share it. */
export const queuePostgres = definePlugin({
  name: 'queue-postgres',
  description: 'Keeps the queue in PostgreSQL, for several nodes that share it.',
  config,
  needs: { clock: Clock, bodies: optional(Bodies) },
  provides: [QueueStore],
  async migrate({ config: options, isCheckOnly }) {
    const database = openPostgres({ ...options, name: owner }, { clock: systemClock, log: silent });
    try {
      const run = isCheckOnly ? pendingMigrations : migrate;
      return (await run(database, owner, migrations)).map((one) => one.name);
    } finally {
      await database.close();
    }
  },
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
          const database = openPostgres({ ...options, name: owner }, { clock, log });
          try {
            await (options.migrates ? migrate : requireMigrated)(database, owner, migrations);
          } catch (error) {
            await database.close();
            throw error;
          }
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
