/** Databases with the tables of the README, and the directory over them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addressQuestion, hashPassword, parseAddress } from '@postroad/core';
import { type ContractAccount, startTestDirectory, type TestDirectory } from '@postroad/core/testing';
import Sqlite from 'libsql';
import { applicationPasswordCommands } from '../src/commands.js';
import { type AuthSqlOptions, authSql } from '../src/index.js';

/** The statements that make the tables of the README. */
export const tables = [
  `CREATE TABLE accounts (id TEXT PRIMARY KEY, login TEXT NOT NULL, password TEXT,
    disabled BOOLEAN NOT NULL DEFAULT FALSE, quota BIGINT, protocols TEXT, scram TEXT)`,
  'CREATE UNIQUE INDEX accounts_by_login ON accounts (lower(login))',
  `CREATE TABLE addresses (key TEXT PRIMARY KEY, address TEXT NOT NULL,
    account TEXT NOT NULL REFERENCES accounts, place INTEGER NOT NULL DEFAULT 0)`,
  `CREATE TABLE app_passwords (account TEXT NOT NULL REFERENCES accounts, name TEXT NOT NULL,
    sha256 TEXT NOT NULL, protocols TEXT, PRIMARY KEY (account, name))`,
];

/** The statements that put accounts into the tables. */
export async function insertsOf(accounts: readonly ContractAccount[]): Promise<readonly string[]> {
  const statements: string[] = [];
  const text = (value: string | undefined) =>
    value === undefined ? 'NULL' : `'${value.replaceAll("'", "''")}'`;
  for (const { id, login, password, addresses, isDisabled = false, quotaBytes, protocols } of accounts) {
    const hash = await hashPassword(password);
    statements.push(
      `INSERT INTO accounts (id, login, password, disabled, quota, protocols) VALUES (${text(id)}, ${text(login)}, ${text(hash)}, ${isDisabled ? 'TRUE' : 'FALSE'}, ${quotaBytes ?? 'NULL'}, ${text(protocols?.join(','))})`,
    );
    for (const [place, address] of addresses.entries()) {
      const parsed = parseAddress(address);
      if (parsed === undefined) throw new Error(`not an address: ${address}`);
      statements.push(
        `INSERT INTO addresses VALUES (${text(addressQuestion(parsed))}, ${text(address)}, ${text(id)}, ${place})`,
      );
    }
  }
  return statements;
}

/** The directory of the plugin in a server. */
export const open = (options: AuthSqlOptions): Promise<TestDirectory> => startTestDirectory(authSql(options));

/** A file with the tables and what the statements put into them. */
export async function sqliteFile(statements: readonly string[]) {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-auth-sql-'));
  const file = join(folder, 'accounts.db');
  const database = new Sqlite(file);
  for (const statement of [...tables, ...statements]) database.exec(statement);
  return {
    file,
    database,
    async remove() {
      database.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** What `postroad app-password` tells about `A@example.org` in a database. */
export async function runCommand(
  database: Pick<AuthSqlOptions, 'sqlite' | 'postgres'>,
  name: string,
  args: Readonly<Record<string, string>>,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const rows: Record<string, unknown>[] = [];
  const checked = await authSql.definition.config?.['~standard'].validate(database);
  if (checked === undefined || checked.issues !== undefined) throw new Error(JSON.stringify(checked?.issues));
  const command = applicationPasswordCommands.find((one) => one.name === name);
  const terminal = { result: (found: typeof rows) => void rows.push(...found) };
  await command?.run({
    config: checked.value,
    args: { login: 'A@example.org', ...args },
    terminal,
  } as never);
  return rows;
}
