/** Accounts as rows, and how they are asked for. */
import {
  type ApplicationPassword,
  isMailError,
  type KeptLogin,
  MailError,
  messageOf,
  parseScramKeys,
  readAccountRecord,
  type ScramHash,
  type ScramKeys,
} from '@postroad/core';

/** An account with everything that is kept of it. */
export interface KeptAccount extends KeptLogin {
  readonly scram: ReadonlyMap<ScramHash, ScramKeys>;
}

/** What `selectAccounts` gives. */
export interface AccountRow {
  readonly id: string;
  readonly login: string;
  readonly password: string | null;
  readonly scram: readonly string[];
  readonly quota_bytes: number | null;
  readonly is_disabled: boolean;
  readonly protocols: readonly string[] | null;
  readonly addresses: readonly string[];
  readonly app_passwords: readonly (Omit<ApplicationPassword, 'protocols'> & {
    readonly protocols: readonly string[] | null;
  })[];
}

/** Accounts with what belongs to them; `where` is about `a`, the table of accounts. */
export function selectAccounts(where: string): string {
  return `SELECT a.id, a.login, a.password, a.scram, a.quota_bytes, a.is_disabled, a.protocols,
    ARRAY(SELECT d.address FROM postroad_auth_addresses d WHERE d.account_id = a.id ORDER BY d.place) AS addresses,
    coalesce((SELECT json_agg(json_build_object('name', p.name, 'sha256', p.sha256, 'protocols', p.protocols)
      ORDER BY p.name) FROM postroad_auth_app_passwords p WHERE p.account_id = a.id), '[]') AS app_passwords
    FROM postroad_auth_accounts a WHERE ${where}`;
}

/** The account of a row. */
export function keptOf(row: AccountRow): KeptAccount {
  const { id, login, addresses, is_disabled: disabled, quota_bytes: quotaBytes, protocols } = row;
  const keys = row.scram.flatMap((text) => parseScramKeys(text) ?? []);
  return {
    account: readAccountRecord({ id, login, addresses, disabled, quotaBytes, protocols }),
    passwordHash: row.password ?? undefined,
    scram: new Map(keys.map(({ hash, keys: of }) => [hash, of])),
    applicationPasswords: row.app_passwords.map(({ protocols: only, ...one }) =>
      only === null ? one : { ...one, protocols: only },
    ),
  };
}

/** Whatever the database says becomes `E_DIRECTORY`. */
export async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (isMailError(cause)) throw cause;
    throw new MailError('E_DIRECTORY', `the accounts' database: ${messageOf(cause)}`, { cause });
  }
}
