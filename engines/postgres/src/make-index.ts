/**
 * An index of a table that may be large and is written to all the time. CREATE INDEX CONCURRENTLY lets writers go on, but
 * runs outside of a transaction, and when it fails leaves an index behind that is kept up and never used; so the step is
 * made to be repeated: what is whole stays, what another is making is waited for, what was left is dropped and made anew.
 */
import { MailError } from '@postroad/core';
import { isRetryable, sqlState } from './faults.js';
import type { Connection, Postgres } from './pool.js';
import { lockTimeout, type Patience, withPatience } from './wait-for-locks.js';

/** An index to be. Names and definition are SQL. */
export interface MigrationIndex {
  readonly name: string;
  /** Not one that is partitioned: of those PostgreSQL makes no index in this way. */
  readonly table: string;
  /** What follows the table: `(a, b) WHERE c`, `USING gin (d)`. */
  readonly definition: string;
  readonly isUnique?: boolean;
}

const attemptsMax = 5;
const progressMs = 1_000;

/** Resolves when the index is there and whole. May run twice at once, and again after it failed. */
export async function makeIndex(
  database: Postgres,
  index: MigrationIndex,
  patience: Patience,
): Promise<void> {
  for (let attempts = 0; ; ) {
    const state = await stateOf(database, index);
    if (state === 'whole') return;
    if (state === 'invalid') {
      if (await isBeingMade(database, index)) {
        await tellProgress(database, index, patience);
        await patience.clock.sleep(progressMs);
        continue;
      }
      patience.report(`drops ${index.name}, which was left unfinished`);
      await withPatience(database, patience, () => dropInvalid(database, index));
    }
    try {
      await build(database, index, patience);
    } catch (error) {
      if (++attempts === attemptsMax || !isRetryable(error)) throw error;
      patience.report(`makes ${index.name} again: it lost against another transaction`);
    }
  }
}

async function stateOf(
  connection: Connection,
  { name }: MigrationIndex,
): Promise<'none' | 'invalid' | 'whole'> {
  const [row] = await connection.query<{ indisvalid: boolean }>(
    'SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)',
    [name],
  );
  if (row === undefined) return 'none';
  return row.indisvalid ? 'whole' : 'invalid';
}

/** Who makes an index holds this lock on its table until it is whole: whoever gets it knows that nobody is at it. */
async function dropInvalid(database: Postgres, index: MigrationIndex): Promise<void> {
  await database.transaction(async (connection) => {
    await connection.run(lockTimeout);
    await connection.run(`LOCK TABLE ${index.table} IN SHARE UPDATE EXCLUSIVE MODE`);
    if ((await stateOf(connection, index)) === 'invalid') await connection.run(`DROP INDEX ${index.name}`);
  }, 1);
}

const notSupported = new Set(['0A000', '42601']);

/** Without a limit of time: it keeps nobody waiting but who wants to change the table itself. */
async function build(database: Postgres, index: MigrationIndex, patience: Patience): Promise<void> {
  const { name, table, definition, isUnique = false } = index;
  const making = isUnique ? 'CREATE UNIQUE INDEX' : 'CREATE INDEX';
  const done = new AbortController();
  const client = await database.connect({ hasTimeLimit: false });
  const telling = tellUntil(done.signal, database, index, patience);
  try {
    await client.query('SET lock_timeout = 0');
    await client.query('SET statement_timeout = 0');
    await client.query(`${making} CONCURRENTLY IF NOT EXISTS ${name} ON ${table} ${definition}`);
  } catch (error) {
    if (!notSupported.has(sqlState(error) ?? '')) throw error;
    const byHand = `${making} ${name} ON ${table} ${definition}`;
    const what = `this server makes no index beside writers: make it yourself, then run this again: ${byHand}`;
    throw new MailError('E_START', what, { cause: error });
  } finally {
    done.abort();
    await telling;
    await client.end();
  }
}

async function tellUntil(
  done: AbortSignal,
  database: Postgres,
  index: MigrationIndex,
  patience: Patience,
): Promise<void> {
  let told: string | undefined;
  while (!done.aborted) {
    told = await tellProgress(database, index, patience, told);
    // The reason of its end is nobody's concern: the loop looks itself.
    await patience.clock.sleep(progressMs, done).catch(() => undefined);
  }
}

/** Says how far it is, if that is something else than was said before. */
async function tellProgress(
  database: Postgres,
  index: MigrationIndex,
  { report }: Patience,
  before?: string,
): Promise<string | undefined> {
  const row = await progressOf(database, index);
  if (row === undefined) return before;
  const share = row.all > 0 ? `, ${10 * Math.floor((10 * row.done) / row.all)} %` : '';
  const line = `${index.name}: ${row.phase}${share}${row.waitsFor > 0 ? `, for process ${row.waitsFor}` : ''}`;
  if (line !== before) report(line);
  return line;
}

async function isBeingMade(database: Postgres, index: MigrationIndex): Promise<boolean> {
  return (await progressOf(database, index)) !== undefined;
}

interface Progress {
  readonly phase: string;
  readonly done: number;
  readonly all: number;
  readonly waitsFor: number;
}

/** What the server tells of whoever is making an index of that table; `undefined` when nobody is, or it does not tell. */
async function progressOf(database: Postgres, { table }: MigrationIndex): Promise<Progress | undefined> {
  try {
    const [row] = await database.query<Progress>(
      `SELECT phase, coalesce(current_locker_pid, 0) AS "waitsFor",
         CASE WHEN blocks_total > 0 THEN blocks_done ELSE tuples_done END AS done,
         CASE WHEN blocks_total > 0 THEN blocks_total ELSE tuples_total END AS all
       FROM pg_stat_progress_create_index WHERE relid = to_regclass($1) AND datname = current_database() LIMIT 1`,
      [table],
    );
    return row;
  } catch {
    // Only talk is lost by it: an engine without that table, or a server that is gone, which others will say.
    return undefined;
  }
}
