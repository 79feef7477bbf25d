/** Entries as they are searched for, and as accounts. */
import { type Account, isMailError, MailError, messageOf, readAccountRecord } from '@postroad/core';
import type { Entry } from './connection.js';
import type { AuthLdapConfig } from './options.js';
import type { Pool } from './pool.js';

/** Where entries are searched for. */
export interface Searching {
  readonly config: AuthLdapConfig;
  /** Connections that may search. */
  readonly searching: Pool;
}

/** The entry that a filter finds with the value in it; throws `E_DIRECTORY` when there are several. */
export async function findOne(
  { searching, config }: Searching,
  filter: string,
  value: string,
): Promise<Entry | undefined> {
  const entries = await asking(() =>
    searching.use(async ({ client }) => {
      const { searchEntries } = await client.search(config.base, {
        scope: 'sub',
        filter: filter.replace(/\{\w+\}/g, escapeValue(value)),
        attributes: attributesOf(config),
        sizeLimit: 2,
      });
      return searchEntries;
    }),
  );
  if (entries.length > 1)
    throw new MailError('E_DIRECTORY', 'the LDAP server has several entries for one question');
  return entries[0];
}

/** The account of an entry; throws `E_DIRECTORY` when it can be none. */
export function accountOf(entry: Entry, { attributes }: AuthLdapConfig): Account {
  const first = (name: string | undefined) => (name === undefined ? undefined : valuesOf(entry, name)[0]);
  const { disabledBit } = attributes;
  const flags = first(attributes.disabled);
  const protocols = attributes.protocols === undefined ? [] : valuesOf(entry, attributes.protocols);
  return readAccountRecord({
    login: first(attributes.login),
    id: first(attributes.id),
    addresses: attributes.addresses.flatMap((name) => valuesOf(entry, name)),
    disabled: disabledBit === undefined ? flags : (Number(flags ?? 0) & disabledBit) !== 0,
    quotaBytes: first(attributes.quotaBytes),
    // An attribute without values is not there.
    protocols: protocols.length === 0 ? undefined : protocols,
  });
}

/** The values of an attribute, as text. */
export function valuesOf(entry: Entry, name: string): readonly string[] {
  const value = entry[name] ?? [];
  return (Array.isArray(value) ? value : [value]).map((one) => one.toString());
}

/** The attributes that are asked for. */
export function attributesOf({ attributes }: AuthLdapConfig): string[] {
  const { addresses, login, id, disabled, quotaBytes, protocols, applicationPasswords } = attributes;
  return [
    ...new Set([login, id, ...addresses, disabled, quotaBytes, protocols, applicationPasswords]),
  ].filter((name) => name !== undefined);
}

/** RFC 4515 section 3: everything of ASCII that is not plain is written as its octet; what is beyond it stays. */
export function escapeValue(text: string): string {
  return text.replace(/[^A-Za-z0-9@._\-\u{80}-\u{10ffff}]/gu, (letter) => {
    return `\\${letter.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}

/** Whatever the server or the way to it does becomes `E_DIRECTORY`. */
export async function asking<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    if (isMailError(cause)) throw cause;
    throw new MailError('E_DIRECTORY', `the LDAP server does not answer: ${messageOf(cause)}`, { cause });
  }
}
