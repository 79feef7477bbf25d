/** The plugin `queue-postgres`. */
import { hostname } from 'node:os';
import { Clock, definePlugin, openedQueueStore, QueueStore, systemClock } from '@postroad/core';
import {
  migrate,
  openPostgres,
  pendingMigrations,
  postgresConfig,
  requireMigrated,
} from '@postroad/postgres';
import { z } from 'zod';
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
  commitsMax: z.int().min(1).default(4).describe('Commits of new messages on their way at once.'),
});

const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

/** Keeps the queue in PostgreSQL, for several nodes that share it. */
export const queuePostgres = definePlugin({
  name: 'queue-postgres',
  description: 'Keeps the queue in PostgreSQL, for several nodes that share it.',
  config,
  needs: { clock: Clock },
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
  setup({ config: options, services: { clock }, provide, onStart, keep, log }) {
    let store: QueueStore | undefined;
    onStart(async () => {
      store = await keep(
        JSON.stringify(options.url),
        async () => {
          const database = openPostgres({ ...options, name: owner }, { clock, log });
          try {
            await (options.migrates ? migrate : requireMigrated)(database, owner, migrations);
          } catch (error) {
            await database.close();
            throw error;
          }
          const node = options.node ?? `${hostname()}-${process.pid}`;
          return openPostgresQueueStore({ ...options, database, clock, log, node });
        },
        (kept) => kept.close(),
      );
    });
    provide(
      QueueStore,
      openedQueueStore(() => store),
    );
  },
});
