/**
 * Passwords for single programs, kept in an attribute of the entry: each value is one, in JSON as the users file of
 * `auth-file` has them. They are added and removed value by value, so that two who do so at once lose nothing.
 */
import {
  type ApplicationPassword,
  applicationPasswordsMax,
  isApplicationName,
  type Logger,
  loginKey,
  MailError,
  newApplicationPassword,
  type OpenApplicationPasswords,
  protocolPattern,
} from '@postroad/core';
import { Attribute, Change } from 'ldapts';
import { z } from 'zod';
import type { Entry } from './connection.js';
import { accountOf, asking, findOne, type Searching, valuesOf } from './entries.js';
import type { AuthLdapConfig } from './options.js';
import { createSearchingPool } from './pools.js';

const valueSchema = z.strictObject({
  name: z.string().refine(isApplicationName),
  sha256: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  protocols: z.array(z.string().toLowerCase().regex(protocolPattern)).max(20).optional(),
});

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

/** Those of an entry; throws `E_DIRECTORY` when a value is none, or there are too many. */
export function applicationPasswordsOf(
  entry: Entry,
  { attributes }: AuthLdapConfig,
): readonly ApplicationPassword[] {
  const name = attributes.applicationPasswords;
  return name === undefined ? [] : read(valuesOf(entry, name)).map(({ password }) => password);
}

/** For `postroad app-password`: they are kept with the rights of `bindDn`. */
export function openApplicationPasswords(config: AuthLdapConfig): OpenApplicationPasswords {
  const at = { config, searching: createSearchingPool(config, silent) };
  return {
    async addApplicationPassword(login, name, protocols) {
      if (!isApplicationName(name)) throw usage('a name has 1 to 64 characters, no control characters');
      for (const protocol of protocols ?? [])
        if (!protocolPattern.test(protocol)) throw usage(`${protocol} is no protocol, such as imap, smtp`);
      const { entry, kept } = await entryOf(at, login);
      if (kept.some(({ password }) => password.name === name)) throw usage(`${name} is there already`);
      if (kept.length >= applicationPasswordsMax) throw usage('the account has too many of them');
      const { password, sha256 } = newApplicationPassword();
      const value = { name, sha256, ...(protocols === undefined ? {} : { protocols }) };
      await change(at, entry, 'add', JSON.stringify(value));
      return password;
    },
    async removeApplicationPassword(login, name) {
      const { entry, kept } = await entryOf(at, login);
      const found = kept.find(({ password }) => password.name === name);
      if (found === undefined)
        throw new MailError('E_NOT_FOUND', `${login} has no application password ${name}`);
      await change(at, entry, 'delete', found.value);
      return accountOf(entry, config);
    },
    async applicationPasswords(login) {
      const { kept } = await entryOf(at, login);
      const named = kept.map(({ password: { sha256: _, ...one } }) => one);
      return named.sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    close: () => at.searching.close(),
  };
}

interface Kept {
  /** As it stands in the entry. */
  readonly value: string;
  readonly password: ApplicationPassword;
}

function read(values: readonly string[]): readonly Kept[] {
  if (values.length > applicationPasswordsMax) throw wrong();
  return values.map((value) => {
    const parsed = valueSchema.safeParse(parseJson(value));
    if (!parsed.success) throw wrong();
    return { value, password: parsed.data };
  });
}

async function entryOf(
  at: Searching,
  login: string,
): Promise<{ readonly entry: Entry; readonly kept: readonly Kept[] }> {
  const { attributes, filters } = at.config;
  if (attributes.applicationPasswords === undefined)
    throw usage('name the attribute that keeps them: `attributes.applicationPasswords`');
  const entry = await findOne(at, filters.login, loginKey(login));
  if (entry === undefined) throw new MailError('E_NOT_FOUND', `there is no account ${login}`);
  return { entry, kept: read(valuesOf(entry, attributes.applicationPasswords)) };
}

/** RFC 4511 section 4.6. */
async function change(
  { config, searching }: Searching,
  entry: Entry,
  operation: 'add' | 'delete',
  value: string,
): Promise<void> {
  const modification = new Attribute({
    type: config.attributes.applicationPasswords ?? '',
    values: [value],
  });
  await asking(() =>
    searching.use(({ client }) => client.modify(entry.dn, new Change({ operation, modification }))),
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // What is no JSON is no application password either, and said so.
    return undefined;
  }
}

function wrong(): MailError {
  return new MailError('E_DIRECTORY', 'the application passwords of an entry are none');
}

function usage(text: string): MailError {
  return new MailError('E_USAGE', text);
}
