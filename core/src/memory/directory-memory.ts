/** The plugin `directory-memory`: accounts written down in the composition. For tests and demonstrations. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { MailError } from '../errors.js';
import { definePlugin } from '../plugin/define.js';
import type { SchemaIssue, StandardSchema } from '../plugin/standard-schema.js';
import { deriveScramKeys, saltOfNobody } from '../sasl/scram-keys.js';
import { Directory, type ScramDirectory, type ScramHash } from '../services/directory.js';
import { addressKey, parseAddress } from '../values/address.js';
import type { Account } from '../values/identity.js';

/** An account in memory. */
export interface MemoryAccount {
  /** The main address; login and id too unless they are given. */
  readonly address: string;
  readonly password: string;
  readonly id?: string;
  readonly login?: string;
  /** Further addresses. */
  readonly addresses?: readonly string[];
  readonly isDisabled?: boolean;
  readonly quotaBytes?: number;
  /** The protocols it may log in with; all by default. */
  readonly protocols?: readonly string[];
}

/** Options of `directoryMemory`. */
export interface DirectoryMemoryOptions {
  readonly accounts: readonly MemoryAccount[];
  /** The hashes that SCRAM is offered with; none by default. */
  readonly scram?: readonly ScramHash[];
}

interface Entry {
  readonly account: Account;
  readonly password: string;
  readonly digest: Buffer;
}

/** Provides `Directory` from a list of accounts. Passwords are kept as they are: never use it for people's accounts. */
export const directoryMemory = definePlugin({
  name: 'directory-memory',
  description: 'Accounts from a list in memory.',
  config: optionsSchema(),
  provides: [Directory],
  setup({ config, provide }) {
    provide(Directory, createDirectoryMemory(config.accounts, config.scram));
  },
});

/** The directory itself; throws `E_CONFIG` for an address that is not one, or that two accounts have. */
export function createDirectoryMemory(
  accounts: readonly MemoryAccount[],
  scram: readonly ScramHash[] = [],
): Directory {
  const entries = accounts.map(entryOf);
  const byLogin = indexOf(entries, ({ account }) => [account.login.toLowerCase()]);
  const byAddress = indexOf(entries, ({ account }) => account.addresses.map(addressKey));
  const byId = indexOf(entries, ({ account }) => [account.id]);
  const nobody = digestOf('');
  return {
    async verifyPassword(login, password) {
      const entry = byLogin.get(login.toLowerCase());
      const isRight = timingSafeEqual(entry?.digest ?? nobody, digestOf(password));
      if (entry === undefined || password === '' || !isRight || entry.account.isDisabled) return undefined;
      return entry.account;
    },
    byAddress(address) {
      return byAddress.get(addressKey(address))?.account;
    },
    async byId(id) {
      return byId.get(id)?.account;
    },
    async byLogin(login) {
      return byLogin.get(login.toLowerCase())?.account;
    },
    ...(scram.length === 0 ? {} : { scram: scramOf(byLogin, scram) }),
    async *list() {
      for (const id of [...byId.keys()].sort()) yield (byId.get(id) as Entry).account;
    },
  };
}

/** Keys are derived from the password each time: nothing here is secret from the process anyway. */
function scramOf(byLogin: ReadonlyMap<string, Entry>, hashes: readonly ScramHash[]): ScramDirectory {
  const secret = randomBytes(32);
  const iterations = 4_096;
  return {
    hashes,
    iterations,
    secret,
    async keys(login, hash) {
      const entry = byLogin.get(login.toLowerCase());
      if (entry === undefined || entry.account.isDisabled) return undefined;
      const salt = saltOfNobody(secret, hash, login);
      const keys = await deriveScramKeys(entry.password, hash, salt, iterations);
      return keys === undefined ? undefined : { account: entry.account, keys };
    },
  };
}

function entryOf(given: MemoryAccount): Entry {
  const addresses = [given.address, ...(given.addresses ?? [])].map((text) => {
    const address = parseAddress(text);
    if (address === undefined) throw new MailError('E_CONFIG', `not a mail address: ${JSON.stringify(text)}`);
    return address;
  });
  const account: Account = {
    id: given.id ?? given.address.toLowerCase(),
    login: given.login ?? given.address,
    addresses,
    isDisabled: given.isDisabled === true,
    ...(given.quotaBytes === undefined ? {} : { quotaBytes: given.quotaBytes }),
    ...(given.protocols === undefined ? {} : { protocols: given.protocols }),
  };
  return { account, password: given.password, digest: digestOf(given.password) };
}

function indexOf(entries: readonly Entry[], keysOf: (entry: Entry) => readonly string[]): Map<string, Entry> {
  const index = new Map<string, Entry>();
  for (const entry of entries) {
    for (const key of keysOf(entry)) {
      if (index.has(key)) throw new MailError('E_CONFIG', `two accounts share ${JSON.stringify(key)}`);
      index.set(key, entry);
    }
  }
  return index;
}

function digestOf(password: string): Buffer {
  return createHash('sha256').update(password).digest();
}

const accountKeys = new Set([
  'address',
  'password',
  'id',
  'login',
  'addresses',
  'isDisabled',
  'quotaBytes',
  'protocols',
]);

function optionsSchema(): StandardSchema<DirectoryMemoryOptions> {
  return {
    '~standard': {
      version: 1,
      vendor: 'postroad',
      validate(value) {
        const issues = issuesOf(value);
        return issues.length > 0 ? { issues } : { value: value as DirectoryMemoryOptions };
      },
    },
  };
}

function issuesOf(value: unknown): SchemaIssue[] {
  const options = value as Partial<DirectoryMemoryOptions> | undefined;
  if (!Array.isArray(options?.accounts)) return [{ message: 'a list is expected', path: ['accounts'] }];
  const issues: SchemaIssue[] = [];
  for (const key of Object.keys(options)) {
    if (key !== 'accounts' && key !== 'scram') issues.push({ message: 'unknown key', path: [key] });
  }
  options.accounts.forEach((account: Record<string, unknown>, index: number) => {
    for (const key of ['address', 'password']) {
      if (typeof account?.[key] === 'string') continue;
      issues.push({ message: 'a text is expected', path: ['accounts', index, key] });
    }
    for (const key of Object.keys(account ?? {})) {
      if (!accountKeys.has(key)) issues.push({ message: 'unknown key', path: ['accounts', index, key] });
    }
  });
  return issues;
}
