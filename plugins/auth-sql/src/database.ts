/** The two databases behind one face. */
import { stat } from 'node:fs/promises';
import { type Clock, type Logger, MailError, messageOf } from '@postroad/core';
import { openPostgres } from '@postroad/postgres';
import Sqlite from 'libsql';
import type { AuthSqlConfig } from './options.js';
import type { CompiledQuery } from './queries.js';

/** A row by column. */
export type Row = Readonly<Record<string, unknown>>;

/** A database that answers queries. Failures are `E_DIRECTORY`, without values in their text. */
export interface Database {
  readonly kind: 'sqlite' | 'postgres';
  /** Opens it, or throws what is wrong. */
  open(): Promise<void>;
  rows(query: CompiledQuery, values: Readonly<Record<string, unknown>>): Promise<readonly Row[]>;
  run(query: CompiledQuery, values: Readonly<Record<string, unknown>>): Promise<number>;
  close(): Promise<void>;
}

/** The one that the options name; nothing is opened yet. */
export function createDatabase(
  { sqlite, postgres }: AuthSqlConfig,
  services: { readonly clock: Clock; readonly log: Logger },
): Database {
  if (postgres !== undefined) return createPostgres({ ...postgres, name: 'postroad auth-sql' }, services);
  if (sqlite === undefined) throw new MailError('E_CONFIG', 'auth-sql needs a database');
  return createSqlite(sqlite.file);
}

function createPostgres(
  options: Parameters<typeof openPostgres>[0],
  services: { readonly clock: Clock; readonly log: Logger },
): Database {
  const database = openPostgres(options, services);
  return {
    kind: 'postgres',
    open: () => guarded(async () => void (await database.query('SELECT 1'))),
    rows: (query, values) => guarded(() => database.query(query.text, placed(query, values))),
    run: (query, values) => guarded(() => database.run(query.text, placed(query, values))),
    close: () => database.close(),
  };
}

/** SQLite in the process: a look-up by index takes microseconds, so it is done at once. */
function createSqlite(file: string): Database {
  let database: InstanceType<typeof Sqlite> | undefined;
  const statements = new Map<string, ReturnType<InstanceType<typeof Sqlite>['prepare']>>();
  const prepare = (text: string) => {
    const known = statements.get(text);
    if (known !== undefined) return known;
    if (database === undefined) throw new Error('the database is not open');
    const made = database.prepare(text);
    statements.set(text, made);
    return made;
  };
  return {
    kind: 'sqlite',
    open: () =>
      guarded(async () => {
        // The library makes a missing file by itself, and accounts of nobody look like a wrong password.
        if (!(await stat(file)).isFile()) throw new Error(`${file} is no file`);
        database = new Sqlite(file, { fileMustExist: true } as never);
        database.exec('PRAGMA busy_timeout = 2000');
      }),
    rows: (query, values) =>
      guarded(async () => prepare(query.text).all(...(placed(query, values) as never[])) as readonly Row[]),
    run: (query, values) =>
      guarded(async () => prepare(query.text).run(...(placed(query, values) as never[])).changes as number),
    async close() {
      statements.clear();
      database?.close();
      database = undefined;
    },
  };
}

function placed({ names }: CompiledQuery, values: Readonly<Record<string, unknown>>): readonly unknown[] {
  return names.map((name) => values[name] ?? null);
}

async function guarded<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    throw new MailError('E_DIRECTORY', `the database does not answer: ${messageOf(cause)}`, { cause });
  }
}
