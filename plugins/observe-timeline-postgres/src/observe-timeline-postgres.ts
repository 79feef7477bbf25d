/** The plugin: what happened to messages at all nodes, in PostgreSQL, for `postroad trace` on any of them. */
import { hostname } from 'node:os';
import { Clock, definePlugin, MailError, MessageHistory, type Timer } from '@postroad/core';
import { type Postgres, postgresTables, postgresTablesConfig } from '@postroad/postgres';
import { z } from 'zod';
import { createCollector } from './collector.js';
import { findTraces } from './find-traces.js';
import { migrations, owner } from './schema.js';
import { turn, writeRecords } from './write.js';

const turnMs = 60_000;
const day = 86_400_000;

const config = z.strictObject({
  ...postgresTablesConfig,
  connectionsMax: z.int().min(1).default(2).describe('Most connections of this plugin in this process.'),
  node: z.string().min(1).max(200).optional().describe('What this node is called in traces.'),
  octetsMax: z
    .int()
    .min(1_048_576)
    .max(1_099_511_627_776)
    .default(1_073_741_824)
    .describe('Most octets of all tables; the oldest eighth goes first.'),
  keptMs: z
    .int()
    .min(60_000)
    .max(3_650 * day)
    .default(30 * day)
    .describe('How long records are kept at the most.'),
});

const tables = postgresTables(owner, migrations);

/** See the README. */
export const observeTimelinePostgres = definePlugin({
  name: 'observe-timeline-postgres',
  description: 'Keeps what happened to every message at all nodes, in PostgreSQL, for `postroad trace`.',
  config,
  needs: { clock: Clock },
  provides: [MessageHistory],
  migrate: tables.migrate,
  setup({ config: options, services: { clock }, log, metrics, provide, onStart, onDrain, defer }) {
    const node = options.node ?? hostname();
    let database: Postgres | undefined;
    let turning: Timer | undefined;
    let isClosing = false;
    const opened = (): Postgres => {
      if (database !== undefined) return database;
      throw new MailError('E_START', 'observe-timeline-postgres is not started');
    };
    const collector = createCollector({
      clock,
      log,
      dropped: metrics.counter('observe_timeline_dropped', 'Records that could not be kept'),
      write: (records) => writeRecords(opened(), node, records),
    });

    async function turnAndAgain(): Promise<void> {
      try {
        await turn(opened(), options);
      } catch (error) {
        log.warn('old records could not be removed for now', { error });
      }
      if (!isClosing) turning = clock.after(turnMs, () => void turnAndAgain());
    }

    provide(MessageHistory, {
      add: (record) => collector.add(record),
      async find(query, limit) {
        await collector.flush();
        return await findTraces(opened(), query, limit);
      },
    });
    onStart(async () => {
      database = await tables.open(options, { clock, log });
      await turnAndAgain();
    });
    onDrain(() => collector.flush());
    defer(async () => {
      isClosing = true;
      turning?.cancel();
      if (database === undefined) return;
      await collector.close();
      await database.close();
    });
  },
});
