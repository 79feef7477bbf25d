import { type Logger, type MailboxStore, systemClock } from '@postroad/core';
import { mailboxStoreContract } from '@postroad/core/testing';
import { migrate, openPostgres, type Postgres } from '@postroad/postgres';
import { postgresMissing, startTestPostgres, type TestPostgres } from '@postroad/postgres/testing';
import { afterAll, beforeAll, describe } from 'vitest';
import { openPostgresStore } from './mailbox-store-postgres.js';
import { migrations, owner } from './schema.js';

const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const clock = systemClock;
const limits = {
  tls: 'none',
  connectionsMax: 6,
  connectTimeoutMs: 20_000,
  statementTimeoutMs: 20_000,
} as const;
const tables = [
  'accounts',
  'mailboxes',
  'entries',
  'vanished',
  'messages',
  'bodies',
  'parts',
  'garbage',
  'threads',
  'annotations',
  'shares',
  'subscriptions',
];

if (postgresMissing !== undefined) console.warn(`SKIPPED: ${postgresMissing}`);

describe.skipIf(postgresMissing !== undefined)('store-postgres', () => {
  let server: TestPostgres;
  let url: string;
  let nodes = 0;
  let database: Postgres;
  beforeAll(async () => {
    server = await startTestPostgres();
    url = await server.url();
    database = openPostgres({ ...limits, url, name: 'test' }, { clock, log });
    await migrate(database, owner, migrations);
  });
  afterAll(async () => {
    await database?.close();
    await server?.stop();
  });

  mailboxStoreContract('postgres', async ({ vanishedMax = 1_000 }) => {
    let store: MailboxStore;
    const open = (): MailboxStore =>
      openPostgresStore({
        // One pool for all tests: opening connections is what takes time.
        database: { ...database, close: async () => undefined },
        clock,
        log,
        node: `n${++nodes}`,
        hasTextIndex: true,
        vanishedMax,
        cachedMailboxesMax: 100,
      });
    store = open();
    return {
      store,
      // Each is a row or two and a lock of its account's; lists are read in one piece whatever their length.
      bigMailbox: 3_000,
      async reopen() {
        await store.close();
        store = open();
        return store;
      },
      async close() {
        await store.close();
        await database.run(tables.map((table) => `DELETE FROM postroad_store_${table}`).join('; '));
      },
    };
  });
});
