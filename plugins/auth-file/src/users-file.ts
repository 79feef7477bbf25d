/** Changing the users file: what the `postroad user` commands do, for programs too. */
import { readFile, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import {
  type Account,
  type AccountEditor,
  addressKey,
  hashPassword,
  isApplicationName,
  loginKey,
  MailError,
  makeScramKeys,
  type NewAccount,
  newAccountId,
  newApplicationPassword,
  parseAddress,
  type ScramOptions,
} from '@postroad/core';
import { lockFile } from './file-lock.js';
import { formatUserLine, parseUserLine, type UserRecord } from './user-record.js';
import { parseUsers, type Users, usersFileHead } from './users-text.js';
import { writeAtomically } from './write-atomically.js';

const noScram: ScramOptions = { hashes: [], iterations: 0 };

/**
 * A users file to change. Every change is made under a lock, whole, and durable when it resolves; comments and the
 * order of lines stay. Rejections: `E_USAGE` for what can't be, `E_NOT_FOUND` for an unknown login, `E_DIRECTORY` when
 * the file is broken or can't be written; nothing is changed then.
 */
export interface UsersFile extends AccountEditor {
  /** Makes the file when it is missing; whether it did. */
  create(): Promise<boolean>;
  /** Keeps the same password anew, unless it has changed from `knownHash` meanwhile; whether it did. */
  renewPassword(login: string, password: string, knownHash: string | undefined): Promise<boolean>;
}

/** Opens a users file for changes. Nothing is read before it is asked for. With `scram` new passwords get keys. */
export function usersFile(path: string, scram: ScramOptions = noScram): UsersFile {
  return {
    async create() {
      return change(path, (users) => (users === undefined ? { lines: [], result: true } : { result: false }));
    },
    async add(user) {
      const passwordHash = user.password === undefined ? undefined : await hashPassword(user.password);
      const keys = await makeScramKeys(user.password, scram);
      return change(path, (users) => {
        const record = { ...newRecord(user, passwordHash, users), scram: keys };
        const line = formatUserLine(record);
        return { lines: [...linesOf(users), line], result: record.account };
      });
    },
    async setPassword(login, password) {
      const passwordHash = await hashPassword(password);
      const keys = await makeScramKeys(password, scram);
      return replaceUser(path, login, (user) => ({ ...user, passwordHash, scram: keys }));
    },
    async renewPassword(login, password, knownHash) {
      const renewed = {
        passwordHash: await hashPassword(password),
        scram: await makeScramKeys(password, scram),
      };
      let isRenewed = false;
      await replaceUser(path, login, (user) => {
        isRenewed = user.passwordHash === knownHash;
        return isRenewed ? { ...user, ...renewed } : user;
      });
      return isRenewed;
    },
    setProtocols(login, protocols) {
      return replaceUser(path, login, (user) => {
        const { protocols: _old, ...account } = user.account;
        return { ...user, account: protocols === undefined ? account : { ...account, protocols } };
      });
    },
    async addApplicationPassword(login, name, protocols) {
      const { password, sha256 } = newApplicationPassword();
      if (!isApplicationName(name)) throw usage('a name has 1 to 64 characters, no control characters');
      const added = { name, sha256, ...(protocols === undefined ? {} : { protocols }) };
      await replaceUser(path, login, (user) => {
        if (user.applicationPasswords.some((one) => one.name === name))
          throw usage(`${name} is there already`);
        return { ...user, applicationPasswords: [...user.applicationPasswords, added] };
      });
      return password;
    },
    removeApplicationPassword(login, name) {
      return replaceUser(path, login, (user) => {
        const applicationPasswords = user.applicationPasswords.filter((one) => one.name !== name);
        if (applicationPasswords.length < user.applicationPasswords.length)
          return { ...user, applicationPasswords };
        throw new MailError('E_NOT_FOUND', `${login} has no application password ${JSON.stringify(name)}`);
      });
    },
    async applicationPasswords(login) {
      const user = (await readUsers(path))?.byLogin.get(loginKey(login));
      if (user === undefined) throw unknownLogin(login);
      return user.applicationPasswords.map(({ sha256: _sha256, ...told }) => told);
    },
    setDisabled(login, isDisabled) {
      return replaceUser(path, login, (user) => ({ ...user, account: { ...user.account, isDisabled } }));
    },
    remove(login) {
      return replaceUser(path, login, () => undefined);
    },
    async list() {
      return (await readUsers(path))?.all.map((user) => user.account) ?? [];
    },
  };
}

/** What a change makes of the file: new lines, or nothing new. */
interface Change<T> {
  readonly lines?: readonly string[];
  readonly result: T;
}

async function change<T>(path: string, make: (users: Users | undefined) => Change<T>): Promise<T> {
  const file = await followLinks(path);
  const lock = await lockFile(file);
  try {
    const users = await readUsers(file);
    const { lines, result } = make(users);
    if (lines === undefined) return result;
    const text = `${users === undefined ? usersFileHead : ''}${lines.map((line) => `${line}\n`).join('')}`;
    // What is written must be readable: a mistake of ours may not lock everybody out.
    parseUsers(text, file);
    await writeAtomically(file, text, () => lock.assertHeld());
    return result;
  } finally {
    await lock.release();
  }
}

function replaceUser(
  path: string,
  login: string,
  edit: (user: UserRecord) => UserRecord | undefined,
): Promise<Account> {
  return change(path, (users) => {
    const found = users?.byLogin.get(loginKey(login));
    if (users === undefined || found === undefined) {
      throw unknownLogin(login);
    }
    const edited = edit(found);
    const lines = users.lines.flatMap(({ text, user }) => {
      if (user !== found) return [text];
      return edited === undefined ? [] : [formatUserLine(edited)];
    });
    return { lines, result: (edited ?? found).account };
  });
}

function newRecord(user: NewAccount, passwordHash: string | undefined, users: Users | undefined): UserRecord {
  for (const text of user.addresses ?? []) {
    if (parseAddress(text) === undefined) throw usage(`not a mail address: ${JSON.stringify(text)}`);
  }
  const line = JSON.stringify({
    login: user.login,
    id: user.id ?? newAccountId(user.login),
    addresses: user.addresses,
    quota: user.quota,
    protocols: user.protocols,
    password: passwordHash,
  });
  const record = parseUserLine(line);
  if (typeof record === 'string') throw usage(record);
  if (users?.byLogin.has(loginKey(user.login))) throw usage(`the login ${user.login} is taken`);
  if (users?.byId.has(record.account.id)) throw usage(`the id ${record.account.id} is taken`);
  for (const address of record.account.addresses) {
    const owner = users?.byAddress.get(addressKey(address));
    if (owner !== undefined) throw usage(`an address of it belongs to ${owner.account.login}`);
  }
  return record;
}

function linesOf(users: Users | undefined): readonly string[] {
  return users?.lines.map(({ text }) => text) ?? [];
}

async function readUsers(file: string): Promise<Users | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new MailError('E_DIRECTORY', `users file ${file} can't be read`, { cause: error });
  }
  return parseUsers(text, file);
}

/** The file behind symbolic links: renaming over a link would leave the real file as it was. */
async function followLinks(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw new MailError('E_DIRECTORY', `users file ${path} can't be reached`, { cause: error });
    }
  }
  try {
    return join(await realpath(dirname(path)), basename(path));
  } catch (error) {
    throw new MailError('E_DIRECTORY', `the folder of the users file ${path} is missing`, { cause: error });
  }
}

function unknownLogin(login: string): MailError {
  return new MailError('E_NOT_FOUND', `there is no account with the login ${JSON.stringify(login)}`);
}

function usage(message: string): MailError {
  return new MailError('E_USAGE', message);
}
