/**
 * Migrations: numbered steps that bring the tables of one owner to the form that this version of the code knows. Each is
 * applied once, in order; two that run at once wait for each other. Steps only add, so that nodes of the version before go
 * on working while and after they are applied: what is to go away goes a release later. Nobody waits long behind one
 * either: indexes are made beside writers, and a strong lock is given up soon and asked for again.
 */
import { type Clock, MailError, systemClock } from '@postroad/core';
import { sqlState } from './faults.js';
import { type MigrationIndex, makeIndex } from './make-index.js';
import type { Postgres } from './pool.js';
import { lockTimeout, type Patience, withPatience } from './wait-for-locks.js';

/** One step. */
export interface Migration {
  /** From 1, without gaps. */
  readonly version: number;
  readonly name: string;
  /**
   * Indexes of tables that may be large already, made before `sql`, each outside of a transaction. They may only need
   * what steps before have made.
   */
  readonly indexes?: readonly MigrationIndex[];
  /** SQL statements, in one transaction. They should only need strong locks for a moment. */
  readonly sql?: string;
}

/** How to go about it. */
export interface MigrateOptions {
  readonly clock?: Clock;
  /** Told what begins, what is waited for and how far it is, a line each. */
  readonly report?: (line: string) => void;
  /** How long locks that others hold are waited for in all, before it is given up. */
  readonly patienceMs?: number;
}

const defaultPatienceMs = 600_000;

const bookkeeping = `CREATE TABLE IF NOT EXISTS postroad_migrations (
  owner text NOT NULL,
  version int NOT NULL,
  name text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (owner, version)
)`;

/** The steps that the database does not have yet; all of them when it knows nothing of the owner. */
export async function pendingMigrations(
  database: Postgres,
  owner: string,
  migrations: readonly Migration[],
): Promise<readonly Migration[]> {
  const applied = await appliedVersion(database, owner);
  return migrations.filter((one) => one.version > applied);
}

/**
 * Applies what is pending; resolves with what was applied by this call. Safe to run at any time, also twice at once, and
 * again after it failed or was killed. Throws `E_START` when locks are held by others for longer than `patienceMs`.
 */
export async function migrate(
  database: Postgres,
  owner: string,
  migrations: readonly Migration[],
  options: MigrateOptions = {},
): Promise<readonly Migration[]> {
  const pending = await pendingMigrations(database, owner, migrations);
  if (pending.length === 0) return [];
  await createBookkeeping(database);
  const { clock = systemClock, report = () => undefined, patienceMs = defaultPatienceMs } = options;
  const applied: Migration[] = [];
  for (const one of pending) {
    const tell = (line: string): void => report(`${owner}: ${one.name}: ${line}`);
    const patience: Patience = { clock, report: tell, patienceMs };
    tell('begins');
    for (const index of one.indexes ?? []) await makeIndex(database, index, patience);
    const isOurs = await withPatience(database, patience, () => apply(database, owner, one));
    tell(isOurs ? 'done' : 'was done by another');
    if (isOurs) applied.push(one);
  }
  return applied;
}

/** Throws `E_START` when the database lacks a step. Steps that only a later version knows do no harm. */
export async function requireMigrated(
  database: Postgres,
  owner: string,
  migrations: readonly Migration[],
): Promise<void> {
  const pending = await pendingMigrations(database, owner, migrations);
  if (pending.length === 0) return;
  throw new MailError(
    'E_START',
    `the database lacks ${pending.length} migration(s) of ${owner}: run \`postroad migrate\``,
  );
}

const collisions = new Set(['23505', '42710', '42P07']);

/** Two that make the table at once collide in the catalogue although they say IF NOT EXISTS. */
async function createBookkeeping(database: Postgres): Promise<void> {
  try {
    await database.run(bookkeeping);
  } catch (error) {
    if (!collisions.has(sqlState(error) ?? '')) throw error;
  }
}

/** Once only: what did not get its locks is tried again with pauses, in which others get theirs. */
async function apply(database: Postgres, owner: string, one: Migration): Promise<boolean> {
  return await database.transaction(async (connection) => {
    await connection.run(lockTimeout);
    // The row is the lock: a second one waits here until the first has committed, and then finds nothing to do.
    const claimed = await connection.run(
      'INSERT INTO postroad_migrations (owner, version, name) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
      [owner, one.version, one.name],
    );
    if (claimed === 0) return false;
    if (one.sql !== undefined) await connection.run(one.sql);
    return true;
  }, 1);
}

async function appliedVersion(database: Postgres, owner: string): Promise<number> {
  try {
    const [row] = await database.query<{ version: number | null }>(
      'SELECT max(version) AS version FROM postroad_migrations WHERE owner = $1',
      [owner],
    );
    return row?.version ?? 0;
  } catch (error) {
    if (sqlState(error) === '42P01') return 0;
    throw error;
  }
}
