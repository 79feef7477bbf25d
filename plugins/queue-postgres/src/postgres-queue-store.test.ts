import { type Logger, type QueueStore, systemClock } from '@postroad/core';
import { queueStoreContract } from '@postroad/core/testing';
import { migrate, openPostgres } from '@postroad/postgres';
import { postgresMissing, startTestPostgres, type TestPostgres } from '@postroad/postgres/testing';
import { afterAll, beforeAll, describe } from 'vitest';
import { openPostgresQueueStore } from './postgres-queue-store.js';
import { migrations, owner } from './schema.js';

const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const clock = systemClock;
const limits = {
  tls: 'none',
  connectionsMax: 6,
  connectTimeoutMs: 20_000,
  statementTimeoutMs: 20_000,
} as const;

const emptied = ['messages', 'chunks', 'blobs', 'recipients', 'nodes', 'facts']
  .map((table) => `DELETE FROM postroad_queue_${table}`)
  .join('; ');

if (postgresMissing !== undefined) console.warn(`SKIPPED: ${postgresMissing}`);

describe.skipIf(postgresMissing !== undefined)('queue-postgres', () => {
  let server: TestPostgres;
  let url: string;
  const connect = () => openPostgres({ ...limits, url, name: 'test' }, { clock, log });
  beforeAll(async () => {
    server = await startTestPostgres();
    url = await server.url();
    const database = connect();
    await migrate(database, owner, migrations);
    await database.close();
  });
  afterAll(() => server?.stop());

  queueStoreContract('postgres', async () => {
    const opened: QueueStore[] = [];
    const openAgain = async (): Promise<QueueStore> => {
      const database = connect();
      // Who starts under the name of one that crashed takes its place.
      const store = openPostgresQueueStore({ database, clock, log, node: 'one', nodeTimeoutMs: 60_000 });
      opened.push(store);
      return store;
    };
    return {
      store: await openAgain(),
      reopen: openAgain,
      async remove() {
        for (const store of opened) await store.close();
        const database = connect();
        await database.run(emptied);
        await database.close();
      },
    };
  });
});
