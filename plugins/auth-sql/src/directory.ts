/** The `Directory` over a database. */
import {
  type Account,
  type ApplicationPassword,
  addressQuestion,
  applicationPasswordsMax,
  type Directory,
  domainKey,
  type KeptLogin,
  MailError,
  type PasswordVerifier,
  parseScramKeys,
  readAccountRecord,
  type ScramDirectory,
  type VerifiedLogins,
  verifyLogin,
} from '@postroad/core';
import { z } from 'zod';
import type { Database, Row } from './database.js';
import { queryNames } from './options.js';
import { type CompiledQuery, compileQuery, defaultQueries, type Queries } from './queries.js';

/** What it is made of. */
export interface SqlDirectoryOptions {
  readonly database: Database;
  readonly queries: { readonly [K in keyof Queries]?: string | undefined };
  readonly passwords: PasswordVerifier;
  readonly scram: Omit<ScramDirectory, 'keys'> | undefined;
  /** Called after a right password that should be kept anew. */
  renew(renewal: Renewal): void;
}

/** A password to keep anew. */
export interface Renewal {
  readonly id: string;
  readonly old: string;
  readonly password: string;
}

const loginOctetsMax = 255;
/** Each question is a query, so that what changes in the database holds at once. */
const remembersNothing: VerifiedLogins = { has: () => false, add: () => undefined };
const protocols = z
  .union([
    z.array(z.string()),
    z.string().transform((text) => text.split(/[\s,]+/).filter((one) => one !== '')),
  ])
  .transform((list) => list.map((one) => one.toLowerCase()));
const applicationPasswords = z
  .array(z.object({ name: z.string(), sha256: z.string(), protocols: protocols.nullish() }))
  .max(applicationPasswordsMax);
const pagesMax = 100_000;

type Compiled = { readonly [K in keyof Queries]: CompiledQuery };

/** Compiles the queries of a database. */
export function compileQueries({
  database,
  queries,
}: Pick<SqlDirectoryOptions, 'database' | 'queries'>): Compiled {
  const { kind } = database;
  const defaults = defaultQueries(kind);
  const compiled = (name: keyof Queries) =>
    compileQuery(queries[name] ?? defaults[name], kind, queryNames[name]);
  return {
    login: compiled('login'),
    address: compiled('address'),
    id: compiled('id'),
    list: compiled('list'),
    setPassword: compiled('setPassword'),
    addAppPassword: compiled('addAppPassword'),
    removeAppPassword: compiled('removeAppPassword'),
  };
}

/** Makes the directory. Each question is a query: what changes in the database holds at once. */
export function createSqlDirectory(options: SqlDirectoryOptions): Directory {
  const { database, passwords, scram, renew } = options;
  const queries = compileQueries(options);
  const one = async (query: CompiledQuery, values: Row) => onlyRow(await database.rows(query, values));
  const byLogin = async (login: string) =>
    isLogin(login) ? one(queries.login, { login: lowerAscii(login) }) : undefined;
  return {
    async verifyPassword(login, password, signal) {
      const row = await byLogin(login);
      const kept = row === undefined ? undefined : keptOf(row);
      return await verifyLogin(
        {
          passwords,
          verified: remembersNothing,
          onRight({ account: { id }, passwordHash: old = '' }, right, needsRehash) {
            if (needsRehash) renew({ id, old, password: right });
          },
        },
        kept,
        password,
        signal,
      );
    },
    async byAddress(address) {
      const { localPart } = address;
      const values = { address: addressQuestion(address), localPart, domain: domainKey(address.domain) };
      return accountOrNone(await one(queries.address, values));
    },
    byId: async (id) => accountOrNone(await one(queries.id, { id })),
    byLogin: async (login) => accountOrNone(await byLogin(login)),
    list: () => listAll(database, queries.list),
    ...(scram === undefined ? {} : { scram: scramOf(scram, byLogin) }),
  };
}

function scramOf(
  scram: Omit<ScramDirectory, 'keys'>,
  byLogin: (login: string) => Promise<Row | undefined>,
): ScramDirectory {
  return {
    ...scram,
    async keys(login, hash) {
      const row = await byLogin(login);
      if (row === undefined) return undefined;
      const account = accountOf(row);
      const texts = typeof row.scram === 'string' ? row.scram.split(/\s+/) : [];
      const keys = texts.map(parseScramKeys).find((one) => one?.hash === hash)?.keys;
      return keys === undefined || account.isDisabled ? undefined : { account, keys };
    },
  };
}

async function* listAll(database: Database, query: CompiledQuery): AsyncGenerator<Account> {
  let after = '';
  for (let page = 0; page < pagesMax; page++) {
    const rows = await database.rows(query, { after });
    if (rows.length === 0) return;
    for (const row of rows) {
      const account = accountOf(row);
      if (account.id <= after)
        throw new MailError('E_DIRECTORY', 'the query `list` gives no order of id behind :after');
      after = account.id;
      yield account;
    }
    // A query that does not ask for pages has told all.
    if (!query.names.includes('after')) return;
  }
}

/** PostgreSQL gives columns in lower case. */
function accountOf(row: Row): Account {
  const { id, login, addresses, disabled, quota, protocols } = row;
  return readAccountRecord({ id, login, addresses, disabled, quotaBytes: quota, protocols });
}

/** The account with its passwords. */
export function keptOf(row: Row): KeptLogin {
  const { password } = row;
  return {
    account: accountOf(row),
    passwordHash: typeof password === 'string' && password !== '' ? password : undefined,
    applicationPasswords: applicationPasswordsOf(row.app_passwords),
  };
}

/** A list, or as JSON; what is no application password makes the whole row a fault. */
function applicationPasswordsOf(value: unknown): readonly ApplicationPassword[] {
  if (value === undefined || value === null || value === '') return [];
  const list = typeof value === 'string' ? parsed(value) : value;
  const found = applicationPasswords.safeParse(list);
  if (!found.success) throw new MailError('E_DIRECTORY', 'the application passwords of an account are none');
  return found.data.map(({ protocols, ...one }) => (protocols == null ? one : { ...one, protocols }));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // What is no JSON is no list either, and said so.
    return text;
  }
}

function accountOrNone(row: Row | undefined): Account | undefined {
  return row === undefined ? undefined : accountOf(row);
}

function onlyRow(rows: readonly Row[]): Row | undefined {
  if (rows.length > 1)
    throw new MailError('E_DIRECTORY', 'the database gave several accounts for one question');
  return rows[0];
}

function isLogin(login: string): boolean {
  return login !== '' && Buffer.byteLength(login) <= loginOctetsMax && !/[\u0000-\u001f\u007f]/.test(login);
}

function lowerAscii(login: string): string {
  return login.normalize('NFC').replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
