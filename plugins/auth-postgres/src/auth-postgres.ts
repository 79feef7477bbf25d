/** The plugin `auth-postgres`: accounts in PostgreSQL, which all nodes share. */
import {
  accountCommands,
  Clock,
  createPasswordVerifier,
  createVerifiedLogins,
  Directory,
  definePlugin,
  messageOf,
  Random,
} from '@postroad/core';
import { type Postgres, postgresTables, postgresTablesConfig } from '@postroad/postgres';
import { z } from 'zod';
import { createAccounts } from './accounts.js';
import { createPostgresDirectory } from './directory.js';
import type { KeptAccount } from './rows.js';
import { migrations, owner } from './schema.js';

const config = z.strictObject({
  ...postgresTablesConfig,
  cacheEntriesMax: z
    .int()
    .min(0)
    .max(1_000_000)
    .default(10_000)
    .describe('Verified logins that are remembered, so that clients which reconnect cost no hash.'),
  cacheMs: z.int().min(0).max(86_400_000).default(300_000).describe('How long they are remembered.'),
  waitingMax: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(1_000)
    .describe('Logins that may wait for their hash; more are put off with a temporary failure.'),
  scram: z
    .array(z.enum(['SHA-256', 'SHA-1']))
    .max(2)
    .default([])
    .describe('The hashes that SCRAM is offered with, and that new passwords get keys for.'),
  // RFC 7677 section 4: at least 4,096.
  scramIterations: z.int().min(4_096).max(1_000_000).default(10_000).describe('Rounds of new SCRAM keys.'),
});

/** The checked options. */
export type AuthPostgresConfig = z.output<typeof config>;

const secretOctets = 32;
const tables = postgresTables(owner, migrations);

/** Provides `Directory` from tables of its own, and the `postroad user` commands. */
export const authPostgres = definePlugin({
  name: 'auth-postgres',
  description: 'Accounts in PostgreSQL, for all nodes.',
  config,
  needs: { clock: Clock, random: Random },
  provides: [Directory],
  commands: accountCommands((options: AuthPostgresConfig) => {
    const database = tables.connect(options);
    const scram = { hashes: options.scram, iterations: options.scramIterations };
    return { ...createAccounts(database, scram), close: () => database.close() };
  }),
  migrate: tables.migrate,
  setup({ config: options, services: { clock, random }, provide, onStart, defer, log }) {
    const { scram: hashes, scramIterations: iterations, cacheEntriesMax, cacheMs } = options;
    const database = tables.connect(options, { clock, log });
    const accounts = createAccounts(database, { hashes, iterations });
    const passwords = createPasswordVerifier({ clock, waitingMax: options.waitingMax });
    const verified = createVerifiedLogins(cacheEntriesMax, cacheMs, () => clock.monotonic());
    const under = new Set<Promise<void>>();
    let secret: Uint8Array = new Uint8Array(secretOctets);
    const keepAnew = async ({ account, passwordHash }: KeptAccount, password: string): Promise<void> => {
      try {
        if (await accounts.renewPassword(account.login, password, passwordHash))
          log.info('password kept anew', { account: account.id });
      } catch (error) {
        log.warn('password could not be kept anew', { account: account.id, error: messageOf(error) });
      }
    };
    const renew = (kept: KeptAccount, password: string): void => {
      const done = keepAnew(kept, password).finally(() => under.delete(done));
      under.add(done);
    };
    const scram = hashes.length === 0 ? undefined : { hashes, iterations, secret: () => secret };
    provide(Directory, createPostgresDirectory({ database, passwords, verified, scram, renew }));
    onStart(async () => {
      await tables.require(database, options, { clock, log });
      if (scram !== undefined) secret = await sharedSecret(database, random);
      // The hash for unknown logins is made here, so that the first of them does not take twice as long.
      await passwords.verify(undefined, 'none');
    });
    defer(async () => {
      await Promise.all(under);
      await database.close();
    });
  },
});

/** What unknown logins are told must be the same on all nodes. */
async function sharedSecret(database: Postgres, random: Random): Promise<Uint8Array> {
  await database.run(
    'INSERT INTO postroad_auth_secrets (name, secret) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING',
    ['scram', Buffer.from(random.bytes(secretOctets))],
  );
  const [row] = await database.query<{ secret: Buffer }>(
    'SELECT secret FROM postroad_auth_secrets WHERE name = $1',
    ['scram'],
  );
  return new Uint8Array(row?.secret ?? []);
}
