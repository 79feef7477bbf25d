/** The `Directory` over a web service. */
import {
  type Account,
  type AccountRecord,
  addressQuestion,
  type Clock,
  createEqualTimes,
  type Directory,
  MailError,
  preparePassword,
  readAccountRecord,
} from '@postroad/core';
import type { Ask } from './ask.js';

const loginOctetsMax = 255;
const pagesMax = 10_000;

/** Asks the service each time: it is the one that may remember. */
export function createHttpDirectory(ask: Ask, clock: Clock): Directory {
  const times = createEqualTimes(clock);
  return {
    async verifyPassword(login, password, signal) {
      const prepared = preparePassword(password);
      // What can be no login is asked about all the same, under a name that is none: it takes as long.
      const asked = isLogin(login) ? login : '';
      const startMs = clock.monotonic();
      const answer = await ask('password', { login: asked, password: prepared ?? '' }, signal);
      const spentMs = clock.monotonic() - startMs;
      const account = accountOf(answer);
      if (account !== undefined && !account.isDisabled && prepared !== undefined && asked !== '') {
        times.note('granted', spentMs);
        return account;
      }
      // A service that hashes nothing for unknown logins must not tell by its haste who is known.
      times.note('refused', spentMs);
      await times.level(spentMs, signal);
      return undefined;
    },
    byAddress: async (address, signal) =>
      accountOf(await ask('address', { address: addressQuestion(address) }, signal)),
    byId: async (id, signal) => accountOf(await ask('id', { id }, signal)),
    byLogin: async (login, signal) =>
      isLogin(login) ? accountOf(await ask('login', { login }, signal)) : undefined,
    list: () => listAll(ask),
  };
}

async function* listAll(ask: Ask): AsyncGenerator<Account> {
  let after: string | undefined;
  for (let page = 0; page < pagesMax; page++) {
    const answer = await ask('list', after === undefined ? {} : { after });
    const { accounts, next } = (answer ?? {}) as { readonly accounts?: unknown; readonly next?: unknown };
    if (!Array.isArray(accounts)) throw wrong('a list has no accounts');
    for (const record of accounts) {
      const account = accountOf({ account: record });
      if (account === undefined) throw wrong('an account of a list is empty');
      if (after !== undefined && account.id <= after) throw wrong('a list is not in order of id');
      after = account.id;
      yield account;
    }
    if (next !== true) return;
  }
}

/** `{ account: null }` says that there is none; without `account` it is no answer. */
function accountOf(answer: unknown): Account | undefined {
  if (typeof answer !== 'object' || answer === null || !('account' in answer))
    throw wrong('it has no account');
  const { account } = answer;
  if (account === null) return undefined;
  if (typeof account !== 'object') throw wrong('an account is no object');
  return readAccountRecord(account as unknown as AccountRecord);
}

function isLogin(login: string): boolean {
  return login !== '' && Buffer.byteLength(login) <= loginOctetsMax && !/[\u0000-\u001f\u007f]/.test(login);
}

function wrong(what: string): MailError {
  return new MailError('E_DIRECTORY', `the web service gave a wrong answer: ${what}`);
}
