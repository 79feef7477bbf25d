/** The `Directory` over the tables. Each question is asked of the database: what changes there holds at once. */
import {
  type Account,
  addressQuestion,
  type Directory,
  type PasswordVerifier,
  type ScramDirectory,
  type ScramHash,
  type VerifiedLogins,
  verifyLogin,
} from '@postroad/core';
import type { Postgres } from '@postroad/postgres';
import { findLogin } from './accounts.js';
import { type AccountRow, guarded, type KeptAccount, keptOf, selectAccounts } from './rows.js';

/** What it is made of. */
export interface PostgresDirectoryOptions {
  readonly database: Postgres;
  readonly passwords: PasswordVerifier;
  readonly verified: VerifiedLogins;
  readonly scram: (Omit<ScramDirectory, 'keys' | 'secret'> & { secret(): Uint8Array }) | undefined;
  /** Called after a right password that should be kept anew. */
  renew(kept: KeptAccount, password: string): void;
}

const pageRows = 500;

/** Makes the directory. */
export function createPostgresDirectory(options: PostgresDirectoryOptions): Directory {
  const { database, scram } = options;
  const byLogin = (login: string) => guarded(() => findLogin(database, login));
  const one = (where: string, value: string): Promise<Account | undefined> =>
    guarded(async () => {
      const [row] = await database.query<AccountRow>(selectAccounts(where), [value]);
      return row === undefined ? undefined : keptOf(row).account;
    });
  return {
    async verifyPassword(login, password, signal) {
      const kept = await byLogin(login);
      return await verifyLogin(checkOf(options, kept), kept, password, signal);
    },
    byAddress: (address) =>
      one('a.id = (SELECT account_id FROM postroad_auth_addresses WHERE key = $1)', addressQuestion(address)),
    byId: (id) => one('a.id = $1', id),
    byLogin: async (login) => (await byLogin(login))?.account,
    list: () => listAll(database),
    ...(scram === undefined ? {} : { scram: scramOf(scram, byLogin) }),
  };
}

function checkOf(
  { passwords, verified, scram, renew }: PostgresDirectoryOptions,
  kept: KeptAccount | undefined,
) {
  return {
    passwords,
    verified,
    // The hash is a part of it: when the password is changed, by whichever node, what was verified holds no more.
    rememberAs: `${kept?.account.id ?? ''}\n${kept?.passwordHash ?? ''}`,
    onRight(right: KeptAccount, password: string, needsRehash: boolean): void {
      const lacksKeys = scram?.hashes.some((hash) => !right.scram.has(hash)) === true;
      if (needsRehash || lacksKeys) renew(right, password);
    },
  };
}

function scramOf(
  scram: NonNullable<PostgresDirectoryOptions['scram']>,
  byLogin: (login: string) => Promise<KeptAccount | undefined>,
): ScramDirectory {
  return {
    hashes: scram.hashes,
    iterations: scram.iterations,
    get secret() {
      return scram.secret();
    },
    async keys(login: string, hash: ScramHash) {
      const kept = await byLogin(login);
      const keys = kept?.scram.get(hash);
      if (kept === undefined || keys === undefined || kept.account.isDisabled) return undefined;
      return { account: kept.account, keys };
    },
  };
}

async function* listAll(database: Postgres): AsyncGenerator<Account> {
  let after = '';
  for (;;) {
    const rows = await guarded(() =>
      database.query<AccountRow>(`${selectAccounts('a.id > $1')} ORDER BY a.id LIMIT ${pageRows}`, [after]),
    );
    for (const row of rows) yield keptOf(row).account;
    if (rows.length < pageRows) return;
    after = rows.at(-1)?.id ?? '';
  }
}
