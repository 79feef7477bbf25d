/**
 * Migrations: numbered steps that bring the tables of one owner to the form that this version of the code knows. Each is
 * applied once, in its own transaction, in order; two that run at once wait for each other. Steps only add, so that
 * nodes of the version before go on working while and after they are applied: what is to go away goes a release later.
 */
import { MailError } from '@postroad/core';
import { sqlState } from './faults.js';
import type { Postgres } from './pool.js';

/** One step. */
export interface Migration {
  /** From 1, without gaps. */
  readonly version: number;
  readonly name: string;
  /** SQL statements. Locks that others hold are waited for a few seconds only. */
  readonly sql: string;
}

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

/** Applies what is pending; resolves with what was applied by this call. Safe to run at any time, also twice at once. */
export async function migrate(
  database: Postgres,
  owner: string,
  migrations: readonly Migration[],
): Promise<readonly Migration[]> {
  const pending = await pendingMigrations(database, owner, migrations);
  if (pending.length === 0) return [];
  await createBookkeeping(database);
  const applied: Migration[] = [];
  for (const one of pending) if (await apply(database, owner, one)) applied.push(one);
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

async function apply(database: Postgres, owner: string, one: Migration): Promise<boolean> {
  return await database.transaction(async (connection) => {
    // The row is the lock: a second one waits here until the first has committed, and then finds nothing to do.
    const claimed = await connection.run(
      'INSERT INTO postroad_migrations (owner, version, name) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
      [owner, one.version, one.name],
    );
    if (claimed === 0) return false;
    // A lock that is waited for makes everybody behind it wait: better to fail and run again.
    await connection.run("SET LOCAL lock_timeout = '5s'");
    await connection.run(one.sql);
    return true;
  });
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
