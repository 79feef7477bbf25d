/** Changing accounts: each change is one transaction, which waits for others on the same account. */
import {
  type Account,
  type AccountEditor,
  accountIdPattern,
  addressQuestion,
  applicationPasswordsMax,
  formatAddress,
  formatScramKeys,
  hashPassword,
  isApplicationName,
  isLogin,
  loginKey,
  MailError,
  makeScramKeys,
  type NewAccount,
  newAccountId,
  newApplicationPassword,
  parseAddress,
  parseQuota,
  protocolPattern,
  type ScramOptions,
} from '@postroad/core';
import { type Connection, isDuplicate, type Postgres } from '@postroad/postgres';
import { type AccountRow, guarded, type KeptAccount, keptOf, selectAccounts } from './rows.js';

/** Accounts to change, also for programs. With `scram` new passwords get keys. */
export interface Accounts extends AccountEditor {
  /** Keeps the same password anew, unless it has changed from `knownHash` meanwhile; whether it did. */
  renewPassword(login: string, password: string, knownHash: string | undefined): Promise<boolean>;
}

/** Accounts over a database; its tables must be there. The caller closes the database. */
export function createAccounts(database: Postgres, scram: ScramOptions): Accounts {
  const change = (
    login: string,
    make: (connection: Connection, kept: KeptAccount) => Promise<void>,
  ): Promise<Account> => guarded(() => changeAccount(database, login, make));
  const set = (login: string, assignment: string, value: unknown): Promise<Account> =>
    change(login, async (connection, { account }) => {
      await connection.run(`UPDATE postroad_auth_accounts SET ${assignment} WHERE id = $1`, [
        account.id,
        value,
      ]);
    });
  const hashesOf = async (password: string | undefined) => ({
    hash: password === undefined ? null : await hashPassword(password),
    keys: [...(await makeScramKeys(password, scram))].map(([hash, keys]) => formatScramKeys(hash, keys)),
  });
  const newPassword = 'UPDATE postroad_auth_accounts SET password = $2, scram = $3 WHERE id = $1';
  return {
    add: async (user) => add(database, user, await hashesOf(user.password)),
    async setPassword(login, password) {
      const { hash, keys } = await hashesOf(password);
      return await change(login, async (connection, { account }) => {
        await connection.run(newPassword, [account.id, hash, keys]);
      });
    },
    async renewPassword(login, password, knownHash) {
      const { hash, keys } = await hashesOf(password);
      let isRenewed = false;
      await change(login, async (connection, { account, passwordHash }) => {
        isRenewed = passwordHash === knownHash;
        if (isRenewed) await connection.run(newPassword, [account.id, hash, keys]);
      });
      return isRenewed;
    },
    setProtocols: async (login, protocols) =>
      set(login, 'protocols = $2', checkedProtocols(protocols) ?? null),
    setDisabled: (login, isDisabled) => set(login, 'is_disabled = $2', isDisabled),
    async addApplicationPassword(login, name, protocols) {
      if (!isApplicationName(name)) throw usage('a name has 1 to 64 characters, no control characters');
      const { password, sha256 } = newApplicationPassword();
      const only = checkedProtocols(protocols) ?? null;
      await change(login, async (connection, { account, applicationPasswords }) => {
        if (applicationPasswords.some((one) => one.name === name)) throw usage(`${name} is there already`);
        if (applicationPasswords.length >= applicationPasswordsMax)
          throw usage('the account has too many application passwords');
        await connection.run(
          'INSERT INTO postroad_auth_app_passwords (account_id, name, sha256, protocols) VALUES ($1, $2, $3, $4)',
          [account.id, name, sha256, only],
        );
      });
      return password;
    },
    removeApplicationPassword: (login, name) =>
      change(login, async (connection, { account }) => {
        const removed = await connection.run(
          'DELETE FROM postroad_auth_app_passwords WHERE account_id = $1 AND name = $2',
          [account.id, name],
        );
        if (removed > 0) return;
        throw new MailError('E_NOT_FOUND', `${login} has no application password ${JSON.stringify(name)}`);
      }),
    async applicationPasswords(login) {
      const kept = await guarded(() => findLogin(database, login));
      if (kept === undefined) throw unknownLogin(login);
      return kept.applicationPasswords.map(({ sha256: _sha256, ...told }) => told);
    },
    remove: (login) =>
      change(login, async (connection, { account }) => {
        await connection.run('DELETE FROM postroad_auth_accounts WHERE id = $1', [account.id]);
      }),
    list: () =>
      guarded(async () => {
        const rows = await database.query<AccountRow>(`${selectAccounts('true')} ORDER BY a.id`);
        return rows.map((row) => keptOf(row).account);
      }),
  };
}

/** The account of a login, with what is kept of it. */
export async function findLogin(
  connection: Connection,
  login: string,
  lock = '',
): Promise<KeptAccount | undefined> {
  if (!isLogin(login)) return undefined;
  const [row] = await connection.query<AccountRow>(`${selectAccounts('a.login_key = $1')} ${lock}`, [
    loginKey(login),
  ]);
  return row === undefined ? undefined : keptOf(row);
}

/** Changes an account that is locked, and resolves with what it is then, or was before it went. */
async function changeAccount(
  database: Postgres,
  login: string,
  make: (connection: Connection, kept: KeptAccount) => Promise<void>,
): Promise<Account> {
  return await database.transaction(async (connection) => {
    const kept = await findLogin(connection, login, 'FOR UPDATE OF a');
    if (kept === undefined) throw unknownLogin(login);
    await make(connection, kept);
    return (await findLogin(connection, login))?.account ?? kept.account;
  });
}

async function add(
  database: Postgres,
  user: NewAccount,
  { hash, keys }: { readonly hash: string | null; readonly keys: readonly string[] },
): Promise<Account> {
  const row = checkedAccount(user);
  const insert = async (connection: Connection): Promise<Account> => {
    await connection.run(
      `INSERT INTO postroad_auth_accounts (id, login, login_key, password, scram, quota_bytes, protocols)
       VALUES ($1, $2, $3, $4, $5, $6, $7)`,
      [row.id, user.login, loginKey(user.login), hash, keys, row.quotaBytes, row.protocols],
    );
    for (const [place, [key, address]] of row.addresses.entries()) {
      await connection.run(
        'INSERT INTO postroad_auth_addresses (key, address, account_id, place) VALUES ($1, $2, $3, $4)',
        [key, address, row.id, place],
      );
    }
    return (await findLogin(connection, user.login))?.account as Account;
  };
  return await guarded(async () => {
    try {
      return await database.transaction(insert);
    } catch (error) {
      if (isDuplicate(error)) throw usage('the login, the id or an address belongs to another account');
      throw error;
    }
  });
}

function checkedAccount({ login, id = newAccountId(login), addresses, quota, protocols }: NewAccount) {
  if (!isLogin(login)) throw usage('not a login: 1 to 255 octets without control characters');
  if (!accountIdPattern.test(id)) throw usage('an id has letters, digits and . _ - @ + only');
  const quotaBytes = quota === undefined ? null : parseQuota(quota);
  if (quotaBytes === undefined) throw usage('not a quota, such as 500M or 2G');
  const checked = new Map<string, string>();
  for (const text of addresses ?? [login]) {
    const address = parseAddress(text);
    if (address === undefined) throw usage(`not a mail address: ${JSON.stringify(text)}`);
    checked.set(addressQuestion(address), formatAddress(address));
  }
  if (checked.size === 0) throw usage('at least one address is needed');
  return { id, quotaBytes, protocols: checkedProtocols(protocols) ?? null, addresses: [...checked] };
}

function checkedProtocols(protocols: readonly string[] | undefined): readonly string[] | undefined {
  for (const one of protocols ?? [])
    if (!protocolPattern.test(one)) throw usage('a protocol is such as imap, pop3, smtp');
  return protocols;
}

function unknownLogin(login: string): MailError {
  return new MailError('E_NOT_FOUND', `there is no account with the login ${JSON.stringify(login)}`);
}

function usage(message: string): MailError {
  return new MailError('E_USAGE', message);
}
