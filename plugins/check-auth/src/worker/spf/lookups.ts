/** What SPF asks DNS, counted as RFC 7208 section 4.6.4 wants. */
import { isIPv6 } from 'node:net';
import type { SpfResult } from '@postroad/core';
import type { MailauthResolver } from '../mailauth.js';
import type { QuestionType } from '../protocol.js';
import { nibblesOf } from './addresses.js';

/** The questions of one evaluation. Whatever exceeds a limit, or is not answered for now, ends it. */
export interface SpfLookups {
  /** A mechanism or modifier that asks DNS begins. */
  count(): void;
  /** The TXT records of a name. */
  texts(name: string): Promise<readonly string[]>;
  /** Its addresses of the client's kind. */
  addresses(name: string): Promise<readonly string[]>;
  /** Those of its mail exchangers. */
  exchangers(name: string): Promise<readonly string[]>;
  /** Whether it has an address of IPv4, whatever the client's is (section 5.7). */
  exists(name: string): Promise<boolean>;
  /** The names of the client's address that have it as theirs (section 5.5); a macro that needs them counts, once. */
  clientNames(by: 'ptr' | 'macro'): Promise<readonly string[]>;
}

/** Section 4.6.4: mail exchangers, and names of an address. */
const hostsMax = 10;

type Failure = (result: SpfResult['result'], comment: string) => Error;

/** Makes them; `failure` makes what ends the evaluation. */
export function createSpfLookups(
  {
    address,
    lookupsMax,
    voidLookupsMax,
  }: { readonly address: string; readonly lookupsMax: number; readonly voidLookupsMax: number },
  resolver: MailauthResolver,
  failure: Failure,
): SpfLookups {
  let [counted, voids] = [0, 0];
  let names: Promise<readonly string[]> | undefined;
  const isSix = isIPv6(address);
  const [type, otherType] = isSix ? (['AAAA', 'A'] as const) : (['A', 'AAAA'] as const);
  const ask = (name: string, of: QuestionType) => askDns(resolver, name, of, failure);
  const countVoid = <T>(found: readonly T[]): readonly T[] => {
    if (found.length === 0 && ++voids > voidLookupsMax)
      throw failure('permerror', 'too many look-ups without an answer');
    return found;
  };
  const count = (): void => {
    if (++counted > lookupsMax) throw failure('permerror', 'too many look-ups');
  };
  const hosts = async (list: readonly string[]) => {
    const found = await Promise.all(list.map((one) => ask(one, type)));
    return found.flat() as string[];
  };
  return {
    count,
    texts: async (name) => ((await ask(name, 'TXT')) as string[][]).map((parts) => parts.join('')),
    async addresses(name) {
      const found = (await ask(name, type)) as string[];
      // A host of the other kind alone is there, and no look-up for nothing.
      if (found.length === 0) countVoid(await ask(name, otherType).catch(() => ['unsure']));
      return found;
    },
    async exchangers(name) {
      const found = countVoid((await ask(name, 'MX')) as { exchange: string; priority: number }[]);
      const exchanges = found.map(({ exchange }) => exchange).filter((exchange) => exchange !== '');
      if (exchanges.length > hostsMax) throw failure('permerror', `${name} has too many mail exchangers`);
      return hosts(exchanges);
    },
    exists: async (name) => countVoid(await ask(name, 'A')).length > 0,
    clientNames(by) {
      if (by === 'macro' && names === undefined) count();
      names ??= provenNames(address, async (name, of) => (await resolver(name, of)) as string[]);
      return names;
    },
  };
}

/** RFC 7208 section 5.5: what DNS does not answer has no name; only the first names are looked at. */
async function provenNames(
  address: string,
  ask: (name: string, type: QuestionType) => Promise<readonly string[]>,
): Promise<readonly string[]> {
  const reversed = isIPv6(address)
    ? `${[...nibblesOf(address)].reverse().join('.')}.ip6.arpa`
    : `${address.split('.').reverse().join('.')}.in-addr.arpa`;
  const said = await ask(reversed, 'PTR').catch(() => []);
  const type = isIPv6(address) ? 'AAAA' : 'A';
  const same = (other: string) =>
    isIPv6(address)
      ? isIPv6(other) && nibblesOf(other).join('') === nibblesOf(address).join('')
      : other === address;
  const proven = await Promise.all(
    said.slice(0, hostsMax).map(async (name) => {
      const addresses = await ask(name, type).catch(() => []);
      return addresses.some(same) ? [name] : [];
    }),
  );
  return proven.flat();
}

async function askDns(
  resolver: MailauthResolver,
  name: string,
  type: QuestionType,
  failure: Failure,
): Promise<readonly unknown[]> {
  try {
    return await resolver(name, type);
  } catch (error) {
    const { code } = error as { readonly code?: unknown };
    if (code === 'ENOTFOUND' || code === 'ENODATA') return [];
    throw failure('temperror', `DNS does not answer for ${name}`);
  }
}
