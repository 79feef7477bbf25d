/** The plugin `store-postgres`. */
import { hostname } from 'node:os';
import {
  Bodies,
  Changes,
  Clock,
  definePlugin,
  delegateStore,
  MailboxStore,
  MailError,
  optional,
  Random,
  type Timer,
} from '@postroad/core';
import { type Postgres, postgresTables, postgresTablesConfig } from '@postroad/postgres';
import { z } from 'zod';
import { sweepParts } from './bodies.js';
import { openPostgresStore } from './mailbox-store-postgres.js';
import { sweepOutside } from './outside-bodies.js';
import { migrations, owner } from './schema.js';

const config = z.strictObject({
  ...postgresTablesConfig,
  notices: z
    .enum(['database', 'changes'])
    .default('database')
    .describe(
      'How other nodes hear of changes: by NOTIFY, or by what provides `Changes`, such as changes-redis.',
    ),
  hasTextIndex: z.boolean().default(false).describe('Keep an index of texts, so that searches read less.'),
  vanishedMax: z
    .int()
    .min(100)
    .default(100_000)
    .describe('How many removed UIDs a mailbox remembers at least, for clients that come back.'),
  cachedMailboxesMax: z
    .int()
    .min(1)
    .default(1_000)
    .describe('Mailboxes whose lists of messages are kept in memory.'),
});

const tables = postgresTables(owner, migrations);

/** What outlives a generation. */
interface Opened {
  readonly store: MailboxStore;
  readonly database: Postgres;
  /** That of the generation which started last. */
  bodies: Bodies | undefined;
}

/** Parts that nobody refers to stay so long, so that who reads them can go on. */
const graceMs = 3_600_000;

/** Keeps mailboxes in PostgreSQL, for several nodes that share them. */
export const storePostgres = definePlugin({
  name: 'store-postgres',
  description: 'Keeps mailboxes in PostgreSQL, for several nodes that share them.',
  config,
  needs: { clock: Clock, random: Random, changes: Changes, bodies: optional(Bodies) },
  provides: [MailboxStore],
  migrate: tables.migrate,
  setup({
    config: options,
    services: { clock, random, changes, bodies },
    provide,
    onStart,
    defer,
    keep,
    log,
  }) {
    let opened: Opened | undefined;
    let timer: Timer | undefined;
    let isClosing = false;
    const sweep = async (database: Postgres): Promise<void> => {
      try {
        await sweepParts(database, graceMs);
        if (bodies !== undefined) await sweepOutside(database, bodies, graceMs);
      } catch (error) {
        log.warn('bodies that nobody refers to could not be removed', { error });
      }
      if (!isClosing) timer = clock.after(graceMs, () => void sweep(database));
    };
    onStart(async () => {
      opened = await keep(
        JSON.stringify(options.url),
        async () => {
          const database = await tables.open(options, { clock, log });
          const node = `${hostname()}-${process.pid}-${random.id()}`;
          const made: Opened = {
            database,
            bodies,
            store: openPostgresStore({
              ...options,
              database,
              clock,
              log,
              node,
              bodies: () => made.bodies,
              ...(options.notices === 'changes' ? { changes } : {}),
            }),
          };
          return made;
        },
        (kept) => kept.store.close(),
      );
      opened.bodies = bodies;
      const { database } = opened;
      timer = clock.after(graceMs, () => void sweep(database));
    });
    defer(() => {
      isClosing = true;
      timer?.cancel();
    });
    provide(
      MailboxStore,
      delegateStore(() => {
        if (opened !== undefined) return opened.store;
        throw new MailError('E_STATE', 'the mailbox store is used before it is started');
      }),
    );
  },
});
