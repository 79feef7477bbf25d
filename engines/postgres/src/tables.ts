/** What plugins with tables of their own have in common: the options, `postroad migrate`, and a database that is ready. */
import { type Clock, type Logger, systemClock } from '@postroad/core';
import { z } from 'zod';
import { type PostgresOptions, postgresConfig } from './config.js';
import { type Migration, migrate, pendingMigrations, requireMigrated } from './migrate.js';
import { openPostgres, type Postgres } from './pool.js';

/** Options of a plugin that has tables, for its own schema. */
export const postgresTablesConfig = {
  ...postgresConfig,
  migrates: z
    .boolean()
    .default(false)
    .describe('Bring the tables up to date at the start, instead of by `postroad migrate`.'),
};

/** Those options, checked. */
export type PostgresTablesOptions = Omit<PostgresOptions, 'name'> & { readonly migrates: boolean };

interface Services {
  readonly clock: Clock;
  readonly log: Logger;
}

/** The tables of one plugin. */
export interface PostgresTables {
  /** What `postroad migrate` calls; resolves with the names of the steps. */
  migrate(of: {
    readonly config: PostgresTablesOptions;
    readonly isCheckOnly: boolean;
    readonly report?: (line: string) => void;
  }): Promise<readonly string[]>;
  /** A database that nobody has asked anything yet; commands need no services. */
  connect(options: PostgresTablesOptions, services?: Services): Postgres;
  /** Resolves when the tables are there as this version needs them; rejects with `E_START` when they are not. */
  require(database: Postgres, options: PostgresTablesOptions, services: Services): Promise<void>;
  /** Both together; the database is closed when it rejects. */
  open(options: PostgresTablesOptions, services: Services): Promise<Postgres>;
}

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

/** Tables by their owner's name and the steps that made them. */
export function postgresTables(owner: string, migrations: readonly Migration[]): PostgresTables {
  const connect: PostgresTables['connect'] = (options, services = { clock: systemClock, log: silent }) =>
    openPostgres({ ...options, name: owner }, services);
  const require: PostgresTables['require'] = async (database, { migrates }, { clock, log }) => {
    if (!migrates) return await requireMigrated(database, owner, migrations);
    await migrate(database, owner, migrations, { clock, report: (line) => log.info(`migration: ${line}`) });
  };
  return {
    connect,
    require,
    async migrate({ config, isCheckOnly, report = () => undefined }) {
      const database = connect(config);
      try {
        const steps = isCheckOnly
          ? await pendingMigrations(database, owner, migrations)
          : await migrate(database, owner, migrations, { report });
        return steps.map((one) => one.name);
      } finally {
        await database.close();
      }
    },
    async open(options, services) {
      const database = connect(options, services);
      try {
        await require(database, options, services);
        return database;
      } catch (error) {
        await database.close();
        throw error;
      }
    },
  };
}
