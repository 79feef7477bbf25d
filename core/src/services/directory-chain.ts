/** Several directories as one: what the core makes of the plugins that provide `Directory`, in their order. */
import type { MaybePromise } from '../hooks/kinds.js';
import type { MailAddress } from '../values/address.js';
import type { Account } from '../values/identity.js';
import type { Directory, ScramDirectory, ScramHash } from './directory.js';

/**
 * Asks one after another; the list may still grow while plugins are set up. An account of an earlier directory hides one
 * of the same id or login in a later one, so that nobody gets the mail, or the account that was closed, of another by
 * being written down twice. A wrong login is asked of all, so every refusal takes the same time.
 */
export function chainDirectories(directories: readonly Directory[]): Directory {
  return {
    verifyPassword: (login, password, signal) => verify(directories, login, password, signal),
    byAddress: (address, signal) => firstAddress(directories, address, signal),
    byId: (id, signal) => firstOf(directories, (directory) => directory.byId(id, signal)),
    byLogin: (login, signal) => firstOf(directories, async (directory) => directory.byLogin?.(login, signal)),
    get scram() {
      return chainScram(directories);
    },
    list: () => listAll(directories),
  };
}

async function firstOf(
  directories: readonly Directory[],
  ask: (directory: Directory) => Promise<Account | undefined>,
): Promise<Account | undefined> {
  for (const directory of directories) {
    // One that can't answer throws: who comes after it may not speak for it.
    const account = await ask(directory);
    if (account !== undefined) return account;
  }
  return undefined;
}

async function verify(
  directories: readonly Directory[],
  login: string,
  password: string,
  signal: AbortSignal | undefined,
): Promise<Account | undefined> {
  let failure: { readonly error: unknown } | undefined;
  for (const [at, directory] of directories.entries()) {
    try {
      const account = await directory.verifyPassword(login, password, signal);
      if (account === undefined) continue;
      // If an earlier one can't tell whether it has the account too, neither can we.
      if (failure !== undefined) throw failure.error;
      return (await isHidden(directories.slice(0, at), account, signal)) ? undefined : account;
    } catch (error) {
      failure ??= { error };
    }
  }
  if (failure !== undefined) throw failure.error;
  return undefined;
}

async function isHidden(
  earlier: readonly Directory[],
  { id, login }: Account,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  for (const directory of earlier) {
    if ((await directory.byId(id, signal)) !== undefined) return true;
    if ((await directory.byLogin?.(login, signal)) !== undefined) return true;
  }
  return false;
}

function firstAddress(
  directories: readonly Directory[],
  address: MailAddress,
  signal: AbortSignal | undefined,
): MaybePromise<Account | undefined> {
  const [only] = directories;
  if (only !== undefined && directories.length === 1) return only.byAddress(address, signal);
  return searchAddress(directories, address, signal);
}

/** Addresses too: the first directory that has one owns it, unless its account is hidden itself. */
async function searchAddress(
  directories: readonly Directory[],
  address: MailAddress,
  signal: AbortSignal | undefined,
): Promise<Account | undefined> {
  for (const [at, directory] of directories.entries()) {
    const account = await directory.byAddress(address, signal);
    if (account === undefined) continue;
    if (!(await isHidden(directories.slice(0, at), account, signal))) return account;
  }
  return undefined;
}

function chainScram(directories: readonly Directory[]): ScramDirectory | undefined {
  const able = directories.filter(({ scram }) => scram !== undefined);
  const first = able[0]?.scram;
  if (first === undefined) return undefined;
  const hashes = new Set(able.flatMap(({ scram }) => scram?.hashes ?? []));
  return {
    hashes: [...hashes],
    iterations: first.iterations,
    secret: first.secret,
    async keys(login: string, hash: ScramHash, signal?: AbortSignal) {
      for (const [at, { scram }] of directories.entries()) {
        const found =
          scram?.hashes.includes(hash) === true ? await scram.keys(login, hash, signal) : undefined;
        if (found === undefined) continue;
        return (await isHidden(directories.slice(0, at), found.account, signal)) ? undefined : found;
      }
      return undefined;
    },
  };
}

/** All accounts in order of id, each id once: the directories are read side by side. */
async function* listAll(directories: readonly Directory[]): AsyncGenerator<Account> {
  const iterators = directories.map((directory) => directory.list()[Symbol.asyncIterator]());
  try {
    const heads = await Promise.all(iterators.map((iterator) => iterator.next()));
    for (;;) {
      const ids = heads.flatMap((head) => (head.done === true ? [] : [head.value.id]));
      if (ids.length === 0) return;
      const least = ids.reduce((a, b) => (b < a ? b : a));
      let isTold = false;
      for (const [at, head] of heads.entries()) {
        if (head.done === true || head.value.id !== least) continue;
        if (!isTold) yield head.value;
        isTold = true;
        heads[at] = await (iterators[at] as AsyncIterator<Account>).next();
      }
    }
  } finally {
    for (const iterator of iterators) await iterator.return?.();
  }
}
