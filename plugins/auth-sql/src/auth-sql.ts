/** The plugin `auth-sql`: accounts from SQLite or PostgreSQL. */
import {
  Clock,
  createPasswordVerifier,
  Directory,
  definePlugin,
  hashPassword,
  messageOf,
} from '@postroad/core';
import { applicationPasswordCommands } from './commands.js';
import { createDatabase } from './database.js';
import { compileQueries, createSqlDirectory, type Renewal } from './directory.js';
import { config } from './options.js';

/** Provides `Directory` from a database. */
export const authSql = definePlugin({
  name: 'auth-sql',
  description: 'Accounts from SQLite or PostgreSQL.',
  config,
  needs: { clock: Clock },
  commands: applicationPasswordCommands,
  provides: [Directory],
  setup({ config, services, provide, onStart, defer, log }) {
    const { clock } = services;
    const database = createDatabase(config, { clock, log });
    const passwords = createPasswordVerifier({ clock, waitingMax: config.waitingMax });
    const { setPassword } = compileQueries({ database, queries: config.queries });
    const under = new Set<Promise<void>>();
    const keepAnew = async ({ id, old, password }: Renewal) => {
      try {
        await database.run(setPassword, { id, old, password: await hashPassword(password) });
        log.info('password kept anew', { account: id });
      } catch (error) {
        log.warn('password could not be kept anew', { account: id, error: messageOf(error) });
      }
    };
    const renew = (renewal: Renewal) => {
      if (setPassword.text.trim() === '') return;
      const done = keepAnew(renewal).finally(() => under.delete(done));
      under.add(done);
    };
    const scram =
      config.scram === undefined
        ? undefined
        : { ...config.scram, secret: new TextEncoder().encode(config.scram.secret) };
    provide(Directory, createSqlDirectory({ database, queries: config.queries, passwords, scram, renew }));
    onStart(async () => {
      await database.open();
      // The hash for unknown logins is made here, so that the first of them does not take twice as long.
      await passwords.verify(undefined, 'none');
    });
    defer(async () => {
      await Promise.all(under);
      await database.close();
    });
  },
});
