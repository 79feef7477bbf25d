/** The `Directory` over a users file. */
import { addressKey, type Directory } from '@postroad/core';
import type { LiveUsers } from './live-users.js';
import { type PasswordVerifier, preparePassword } from './password.js';
import { isLogin, loginKey } from './user-record.js';

/** Answers from the file's present state. Every answer to a wrong login costs one hash, whatever is wrong with it. */
export function createFileDirectory(users: LiveUsers, passwords: PasswordVerifier): Directory {
  return {
    async verifyPassword(login, password, signal) {
      const state = await users.fresh();
      const user = isLogin(login) ? state.byLogin.get(loginKey(login)) : undefined;
      const prepared = preparePassword(password);
      const isOpen = user !== undefined && prepared !== undefined && !user.account.isDisabled;
      if (isOpen && state.verified.has(user.account.id, prepared)) return user.account;
      const isRight = await passwords.verify(user?.passwordHash, prepared ?? 'none', signal);
      if (!isRight || !isOpen) return undefined;
      state.verified.add(user.account.id, prepared);
      return user.account;
    },
    async byAddress(address) {
      return (await users.current()).byAddress.get(addressKey(address))?.account;
    },
    async byId(id) {
      return (await users.current()).byId.get(id)?.account;
    },
    async *list() {
      for (const user of (await users.fresh()).all) yield user.account;
    },
  };
}
