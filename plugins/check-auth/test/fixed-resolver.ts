/** Resolvers that know a few names, in the manner of mailauth and of the core. */
import { isIPv4 } from 'node:net';
import { MailError, type Resolver } from '@postroad/core';
import type { MailauthResolver } from '../src/worker/mailauth.js';

/** An error with a code, as node:dns throws them. */
export function dnsError(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** TXT records by name; everything else does not exist. */
export function textResolver(texts: Readonly<Record<string, string>>): MailauthResolver {
  return async (name, type) => {
    const text = type === 'TXT' ? texts[name.toLowerCase()] : undefined;
    if (text === undefined) throw dnsError('ENOTFOUND');
    return [[text]];
  };
}

/** What a name has; `'down'` for one that does not answer. */
export interface FixedNames {
  readonly txt?: Readonly<Record<string, readonly string[] | 'down'>>;
  readonly addresses?: Readonly<Record<string, readonly string[]>>;
  readonly names?: Readonly<Record<string, readonly string[]>>;
}

/** A resolver of the core over fixed names, with the questions it heard. */
export function fixedResolver(known: FixedNames): Resolver & { readonly asked: string[] } {
  const asked: string[] = [];
  const look = <T>(
    kind: string,
    table: Readonly<Record<string, readonly T[] | 'down'>> = {},
    name: string,
  ) => {
    asked.push(`${kind} ${name}`);
    const found = table[name.toLowerCase()] ?? [];
    if (found === 'down') throw new MailError('E_DNS', `${name} does not answer`);
    return found;
  };
  return {
    asked,
    mx: async () => [],
    addresses: async (name) => (isIPv4(name) ? [name] : look('A', known.addresses, name)),
    txt: async (name) => look('TXT', known.txt, name),
    names: async (address) => look('PTR', known.names, address),
  };
}
