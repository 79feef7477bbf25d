/**
 * Connections to the server that takes writes. Of several servers one is used at a time; when it is lost, or says that it
 * only reads, the next ones are tried. A connection whose statement failed for another reason than the statement is
 * closed, so that nothing is read from it that belongs to a statement before.
 */
import { type Clock, type Logger, MailError } from '@postroad/core';
import { Client, type ClientBase, type ClientConfig, Pool, type PoolClient, types } from 'pg';
import type { PostgresOptions } from './config.js';
import { isLost, isRetryable } from './faults.js';
import { createNames, type StatementNames } from './statement-names.js';

/** A row as the server gave it; the caller knows its columns. */
export type Row = Readonly<Record<string, unknown>>;

/** Something that runs statements, one after another. */
export interface Connection {
  /** The rows of one statement. Throws what `pg` throws; see `faults.ts`. */
  query<T = Row>(text: string, values?: readonly unknown[]): Promise<readonly T[]>;
  /**
   * As `query`, for a statement that comes again and again with the same text: the server parses it once for each connection, and
   * may plan it once. Only for what has one good plan, whatever the values.
   */
  repeat<T = Row>(text: string, values: readonly unknown[]): Promise<readonly T[]>;
  /** How many rows the statement touched. */
  run(text: string, values?: readonly unknown[]): Promise<number>;
}

/** A database. Statements outside of a transaction are transactions of their own. May be used concurrently. */
export interface Postgres extends Connection {
  /**
   * Runs `work` in a transaction, and again when it lost against another one, at most `attempts` times (10 by default):
   * `work` may only touch the database. When the connection breaks while committing, nobody knows the outcome: `isLost`
   * says so of the error.
   */
  transaction<T>(work: (connection: Connection) => Promise<T>, attempts?: number): Promise<T>;
  /**
   * A connection of its own that is not of the pool, for LISTEN and for what takes long; the caller ends it. Its
   * statements have the limit of all, unless told otherwise.
   */
  connect(options?: { readonly hasTimeLimit?: boolean }): Promise<Client>;
  close(): Promise<void>;
}

/** What a database needs of the server. */
export interface PostgresServices {
  readonly clock: Clock;
  readonly log: Logger;
}

const attemptsMax = 10;

/** Opens a database; connects when the first statement comes. Throws `E_CONFIG` when `url` and `tls` both say how to encrypt. */
export function openPostgres(options: PostgresOptions, { log }: PostgresServices): Postgres {
  const urls = typeof options.url === 'string' ? [options.url] : options.url;
  if (options.tls !== 'none') for (const url of urls) refuseTlsIn(url);
  const pools = urls.map((url) => createPool(options, url, log));
  let current = 0;
  const names = createNames(log);

  /** A connection to the first server that takes writes, beginning with the one that last did. */
  async function take(): Promise<PoolClient> {
    let failure: unknown;
    for (let tried = 0; tried < pools.length; tried++) {
      const at = (current + tried) % pools.length;
      try {
        const client = await (pools[at] as Pool).connect();
        if (at !== current) log.warn('another PostgreSQL server is used now', { server: at });
        current = at;
        return client;
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  async function withClient<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await take();
    let fault: unknown;
    try {
      return await work(client);
    } catch (error) {
      fault = error;
      throw error;
    } finally {
      client.release(fault !== undefined && isLost(fault));
    }
  }

  async function once<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    return await withClient(async (client) => {
      await client.query('BEGIN');
      try {
        const result = await work(connectionOf(client, names));
        await client.query('COMMIT');
        return result;
      } catch (error) {
        if (!isLost(error)) await client.query('ROLLBACK');
        throw error;
      }
    });
  }

  const retried = async <T>(work: () => Promise<T>, attempts = attemptsMax): Promise<T> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        if (attempt <= attemptsMax && names.isForgotten(error)) continue;
        if (attempt >= attempts || !isRetryable(error)) throw error;
      }
    }
  };

  return {
    query: (text, values) => retried(() => withClient((one) => connectionOf(one, names).query(text, values))),
    repeat: (text, values) =>
      retried(() => withClient((one) => connectionOf(one, names).repeat(text, values))),
    run: (text, values) => retried(() => withClient((one) => connectionOf(one, names).run(text, values))),
    transaction: (work, attempts) => retried(() => once(work), attempts),
    async connect({ hasTimeLimit = true } = {}) {
      const config = clientConfig(options, urls[current] as string);
      if (!hasTimeLimit) for (const limit of timeLimits) delete config[limit];
      const client = new Client(config);
      client.on('error', () => undefined);
      try {
        await client.connect();
        await requirePrimary(client);
      } catch (error) {
        await client.end().catch(() => undefined);
        throw error;
      }
      return client;
    },
    async close() {
      await Promise.all(pools.map((pool) => pool.end()));
    },
  };
}

/** A connection over a client of `pg`. */
function connectionOf(client: Client | PoolClient, names: StatementNames): Connection {
  return {
    repeat: async <T>(text: string, values: readonly unknown[]) => {
      const name = names.nameOf(text);
      const statement = { text, values: [...values], ...(name === undefined ? {} : { name }) };
      return (await client.query(statement)).rows as readonly T[];
    },
    query: async <T>(text: string, values: readonly unknown[] = []) =>
      (await client.query(text, [...values])).rows as readonly T[],
    run: async (text, values = []) => (await client.query(text, [...values])).rowCount ?? 0,
  };
}

function createPool(options: PostgresOptions, url: string, log: Logger): Pool {
  const pool = new Pool({
    ...clientConfig(options, url),
    max: options.connectionsMax,
    onConnect: async (client: ClientBase) => {
      // A connection that breaks says so twice: the statement rejects, and an event that nobody hears ends the process.
      client.on('error', () => undefined);
      await requirePrimary(client);
    },
  } as ConstructorParameters<typeof Pool>[0]);
  // An idle connection that ends is not an error of any statement: the next one gets another connection.
  pool.on('error', (error) => log.warn('an idle PostgreSQL connection ended', { error }));
  return pool;
}

async function requirePrimary(client: ClientBase): Promise<void> {
  const { rows } = await client.query("SELECT current_setting('transaction_read_only') AS is_reading");
  if (rows[0]?.is_reading !== 'on') return;
  throw Object.assign(new Error('the server takes no writes'), { code: '25006' });
}

// 64-bit integers are times and sizes here: all of them are exact as numbers.
const int8 = 20;
const typeParsers = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === int8 && format !== 'binary' ? Number : types.getTypeParser(oid, format as 'text')) as never,
};

const timeLimits = ['statement_timeout', 'query_timeout', 'idle_in_transaction_session_timeout'] as const;

function clientConfig(options: PostgresOptions, url: string): ClientConfig {
  return {
    connectionString: url,
    ...(options.password === undefined ? {} : { password: options.password }),
    ...(options.tls === 'none' ? {} : { ssl: tlsOf(options) }),
    application_name: options.name,
    connectionTimeoutMillis: options.connectTimeoutMs,
    // The server gives up first; when it can't be heard any more, we do.
    statement_timeout: options.statementTimeoutMs,
    query_timeout: options.statementTimeoutMs + 5_000,
    idle_in_transaction_session_timeout: 2 * options.statementTimeoutMs,
    keepAlive: true,
    types: typeParsers,
  };
}

/** `pg` lets the URL win, also where it says less than `tls`. */
function refuseTlsIn(url: string): void {
  const parameter = /[?&](ssl[a-z]*|uselibpqcompat)=/i.exec(url)?.[1];
  if (parameter === undefined) return;
  throw new MailError(
    'E_CONFIG',
    `PostgreSQL: \`url\` has \`${parameter}\`, and \`tls\` says how to encrypt too: leave one out`,
  );
}

function tlsOf({ tls, tlsCa }: PostgresOptions): { rejectUnauthorized: boolean; ca?: string } {
  return { rejectUnauthorized: tls === 'verify', ...(tlsCa === undefined ? {} : { ca: tlsCa }) };
}
