/** The `Directory` over a users file. */
import {
  type Account,
  addressKey,
  type Directory,
  isLogin,
  isThenable,
  loginKey,
  type PasswordVerifier,
  type ScramDirectory,
  type ScramHash,
  verifyLogin,
} from '@postroad/core';
import type { LiveUsers, UsersState } from './live-users.js';
import type { UserRecord } from './user-record.js';

/** What a directory is made of. */
export interface FileDirectoryOptions {
  readonly users: LiveUsers;
  readonly passwords: PasswordVerifier;
  /** Called after a right password that should be kept another way. */
  readonly renew?: (user: UserRecord, password: string) => void;
  readonly scram?: Omit<ScramDirectory, 'keys' | 'secret'> & { secret(): Uint8Array };
}

/** Answers from the file's present state. Every answer to a wrong login costs one hash, whatever is wrong with it. */
export function createFileDirectory(options: FileDirectoryOptions): Directory {
  const { users, scram } = options;
  return {
    verifyPassword: (login, password, signal) => verify(options, login, password, signal),
    byAddress(address) {
      const find = (state: UsersState) => state.byAddress.get(addressKey(address))?.account;
      const state = users.current();
      return isThenable(state) ? state.then(find) : find(state);
    },
    async byId(id) {
      return (await users.current()).byId.get(id)?.account;
    },
    async byLogin(login) {
      return findUser(await users.fresh(), login)?.account;
    },
    async *list() {
      for (const user of (await users.fresh()).all) yield user.account;
    },
    ...(scram === undefined ? {} : { scram: scramOf(users, scram) }),
  };
}

async function verify(
  { users, passwords, renew, scram }: FileDirectoryOptions,
  login: string,
  password: string,
  signal: AbortSignal | undefined,
): Promise<Account | undefined> {
  const state = await users.fresh();
  const onRight = (user: UserRecord, right: string, needsRehash: boolean): void => {
    if (needsRehash || lacksKeys(user, scram)) renew?.(user, right);
  };
  return verifyLogin(
    { passwords, verified: state.verified, onRight },
    findUser(state, login),
    password,
    signal,
  );
}

function lacksKeys(user: UserRecord, scram: FileDirectoryOptions['scram']): boolean {
  return scram?.hashes.some((hash) => !user.scram.has(hash)) === true;
}

function findUser(state: UsersState, login: string): UserRecord | undefined {
  return isLogin(login) ? state.byLogin.get(loginKey(login)) : undefined;
}

function scramOf(users: LiveUsers, scram: NonNullable<FileDirectoryOptions['scram']>): ScramDirectory {
  return {
    hashes: scram.hashes,
    iterations: scram.iterations,
    get secret() {
      return scram.secret();
    },
    keys: (login, hash) => keysOf(users, login, hash),
  };
}

async function keysOf(users: LiveUsers, login: string, hash: ScramHash) {
  const user = findUser(await users.fresh(), login);
  const keys = user?.scram.get(hash);
  if (user === undefined || keys === undefined || user.account.isDisabled) return undefined;
  return { account: user.account, keys };
}
