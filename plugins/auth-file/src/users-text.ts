/** The whole users file as text: accounts, comments, empty lines; edited line by line so that comments stay. */
import { addressKey, loginKey, MailError } from '@postroad/core';
import { parseUserLine, type UserRecord } from './user-record.js';

/** What a new file begins with. */
export const usersFileHead = [
  '# Postroad users: one account a line, as JSON. Manage it with `postroad user add|passwd|list|remove`, or edit it:',
  '# login, id (never change it: the mail is kept under it), addresses, quota (such as 2G), disabled, protocols, password (a hash).',
  '',
].join('\n');

/** The accounts of a file, found by what they are asked for. */
export interface Users {
  /** In order of id. */
  readonly all: readonly UserRecord[];
  readonly byLogin: ReadonlyMap<string, UserRecord>;
  readonly byAddress: ReadonlyMap<string, UserRecord>;
  readonly byId: ReadonlyMap<string, UserRecord>;
  /** The account of each line; `undefined` for comments and empty lines. */
  readonly lines: readonly { readonly text: string; readonly user: UserRecord | undefined }[];
}

const usersMax = 1_000_000;

/**
 * Reads the text of a users file. Throws `E_DIRECTORY` naming the line of what is wrong: a file is taken whole or not
 * at all. A file without a single octet is refused too: it is one that somebody is just writing.
 */
export function parseUsers(text: string, file: string): Users {
  if (text === '') throw new MailError('E_DIRECTORY', `users file ${file} is empty`);
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  if (lines.length > usersMax) throw new MailError('E_DIRECTORY', `users file ${file} has too many lines`);
  const byLogin = new Map<string, UserRecord>();
  const byAddress = new Map<string, UserRecord>();
  const byId = new Map<string, UserRecord>();
  const read = lines.map((line, index) => {
    if (/^\s*(#|$)/.test(line)) return { text: line, user: undefined };
    const user = parseUserLine(line);
    if (typeof user === 'string') throw broken(file, index, user);
    addOnce(byLogin, loginKey(user.account.login), user, () => broken(file, index, 'this login is taken'));
    addOnce(byId, user.account.id, user, () => broken(file, index, 'this id is taken'));
    for (const address of user.account.addresses) {
      addOnce(byAddress, addressKey(address), user, () => broken(file, index, 'an address of it is taken'));
    }
    return { text: line, user };
  });
  const all = [...byId.keys()].sort().map((id) => byId.get(id) as UserRecord);
  return { all, byLogin, byAddress, byId, lines: read };
}

function addOnce(
  index: Map<string, UserRecord>,
  key: string,
  user: UserRecord,
  error: () => MailError,
): void {
  if (index.has(key)) throw error();
  index.set(key, user);
}

function broken(file: string, index: number, what: string): MailError {
  return new MailError('E_DIRECTORY', `users file ${file}, line ${index + 1}: ${what}`);
}
