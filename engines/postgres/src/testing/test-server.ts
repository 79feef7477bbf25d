/**
 * A PostgreSQL of its own for a test file: Debian's programs, a directory that is removed, a socket of its own, and no
 * syncing unless the test asks for it. As root it runs as the user `postgres`, because the server refuses to be root.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { appendFile, chmod, chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemClock } from '@postroad/core';
import { freePort } from '@postroad/core/testing';
import { Client } from 'pg';

const run = promisify(execFile);
const root = '/usr/lib/postgresql';
const programs = existsSync(root)
  ? readdirSync(root)
      .sort((a, b) => Number(a) - Number(b))
      .map((version) => join(root, version, 'bin'))
      .filter((path) => existsSync(join(path, 'initdb')))
      .at(-1)
  : undefined;

/** Why there can be none here; `undefined` when there can. */
export const postgresMissing =
  programs === undefined ? 'PostgreSQL is not installed (Debian: postgresql)' : undefined;

/** A running server. */
export interface TestPostgres {
  readonly port: number;
  readonly directory: string;
  /** Where an empty schema of its own is, made by this call. */
  url(): Promise<string>;
  /** The server's process. */
  readonly pid: number;
  /** Ends the server at once, as a power cut would, and resolves when it is gone. */
  kill(): Promise<void>;
  /** Stops the server, ending its connections. */
  halt(): Promise<void>;
  /** Starts it again after `kill` or `halt`. */
  start(): Promise<void>;
  /** Runs statements as the owner of everything. */
  query(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
  stop(): Promise<void>;
}

/** What a test wants to be otherwise. */
export interface TestPostgresOptions {
  /** Lines of postgresql.conf. */
  readonly settings?: readonly string[];
  /** Makes it a standby of that server. */
  readonly standbyOf?: TestPostgres;
  /** Where its directory is made, such as a small file system. */
  readonly parent?: string;
}

/** Starts a server; `stop` removes everything. */
export async function startTestPostgres(options: TestPostgresOptions = {}): Promise<TestPostgres> {
  const user = await userToBe();
  const directory = await mkdtemp(join(options.parent ?? tmpdir(), 'postroad-postgres-'));
  await chmod(directory, 0o700);
  if (user !== undefined) await chown(directory, user.uid, user.gid);
  const data = join(directory, 'data');
  const port = await freePort();
  const as = { ...user, cwd: directory };
  const program = (name: string): string => join(programs ?? '', name);
  if (options.standbyOf === undefined) {
    const flags = ['-D', data, '-U', 'postroad', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];
    await run(program('initdb'), flags, as);
  } else {
    const from = `host=127.0.0.1 port=${options.standbyOf.port} user=postroad`;
    await run(program('pg_basebackup'), ['-D', data, '-d', from, '-R', '-c', 'fast', '--no-sync'], as);
  }
  await appendFile(join(data, 'postgresql.conf'), settingsOf(directory, port, options.settings ?? []));
  const server = createTestServer(program('postgres'), data, port, as);
  await server.start();
  let schemas = 0;
  return {
    ...server,
    port,
    directory,
    get pid() {
      return server.pid();
    },
    async url() {
      const name = `s${++schemas}`;
      await server.query(`CREATE SCHEMA ${name}`);
      const path = encodeURIComponent(`-c search_path=${name}`);
      return `postgres://postroad@127.0.0.1:${port}/postgres?options=${path}`;
    },
    async stop() {
      await server.halt();
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

function createTestServer(
  program: string,
  data: string,
  port: number,
  as: { readonly cwd: string; readonly uid?: number; readonly gid?: number },
) {
  let child: ChildProcess | undefined;
  const ended = (): Promise<void> =>
    new Promise((resolve) => {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) resolve();
      else child.once('exit', () => resolve());
    });
  const query = async (sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> => {
    const client = new Client({ host: '127.0.0.1', port, user: 'postroad', database: 'postgres' });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query(sql)).rows as readonly Readonly<Record<string, unknown>>[];
    } finally {
      await client.end();
    }
  };
  return {
    query,
    pid: () => child?.pid ?? 0,
    async start() {
      const started = spawn(program, ['-D', data], { ...as, stdio: 'ignore' });
      child = started;
      await answering(query, () => started.exitCode !== null);
    },
    async kill() {
      child?.kill('SIGQUIT');
      await ended();
    },
    async halt() {
      child?.kill('SIGINT');
      await ended();
    },
  };
}

/** Waits until the server answers, or has ended. */
async function answering(query: (sql: string) => Promise<unknown>, hasEnded: () => boolean): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await query('SELECT 1');
      return;
    } catch (error) {
      if (hasEnded() || tries > 600) throw new Error('PostgreSQL does not start', { cause: error });
      await systemClock.sleep(50);
    }
  }
}

function settingsOf(directory: string, port: number, more: readonly string[]): string {
  const settings = [
    `port = ${port}`,
    "listen_addresses = '127.0.0.1'",
    `unix_socket_directories = '${directory}'`,
    'fsync = off',
    'shared_buffers = 32MB',
    'max_connections = 60',
    'autovacuum_naptime = 60',
    'log_min_messages = fatal',
    ...more,
  ];
  return `\n${settings.join('\n')}\n`;
}

/** Nobody in particular, but not root. */
async function userToBe(): Promise<{ readonly uid: number; readonly gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const { stdout: uid } = await run('id', ['-u', 'postgres']);
  const { stdout: gid } = await run('id', ['-g', 'postgres']);
  return { uid: Number(uid), gid: Number(gid) };
}
