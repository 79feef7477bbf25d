/** What the DNS knows of a client's names. */
import { isIP } from 'node:net';
import { messageOf, plainAddress, type Resolver } from '@postroad/core';

/** Names that are followed: an address may have thousands. */
const namesMax = 10;

/** `absent`: there is no name. `other`: what there is leads elsewhere. `unknown`: it can't be told now. */
export type NameState =
  | { readonly state: 'confirmed' | 'absent' | 'other'; readonly names: readonly string[] }
  | { readonly state: 'unknown'; readonly reason: string };

/** Whether one of the names of an address leads back to it (RFC 8601 section 3). Never rejects. */
export async function reverseState(
  resolver: Resolver,
  address: string,
  signal: AbortSignal,
): Promise<NameState> {
  try {
    const names = (await resolver.names(address, signal)).slice(0, namesMax);
    if (names.length === 0) return { state: 'absent', names };
    const found = await Promise.all(names.map((name) => forwardState(resolver, name, address, signal)));
    if (found.some(({ state }) => state === 'confirmed')) return { state: 'confirmed', names };
    return found.find(({ state }) => state === 'unknown') ?? { state: 'other', names };
  } catch (error) {
    return { state: 'unknown', reason: messageOf(error) };
  }
}

/** Whether a name leads to the address. Never rejects. */
export async function forwardState(
  resolver: Resolver,
  name: string,
  address: string,
  signal: AbortSignal,
): Promise<NameState> {
  try {
    const plain = plainAddress(address);
    const family = isIP(plain) === 6 ? 6 : 4;
    const own = await resolver.addresses(name, signal, family);
    if (own.some((one) => isSame(one, plain))) return { state: 'confirmed', names: [name] };
    if (own.length > 0) return { state: 'other', names: [name] };
    const other = await resolver.addresses(name, signal, family === 4 ? 6 : 4);
    return { state: other.length > 0 ? 'other' : 'absent', names: [name] };
  } catch (error) {
    return { state: 'unknown', reason: messageOf(error) };
  }
}

/** IPv6 addresses have many spellings. */
function isSame(a: string, b: string): boolean {
  return a === b || (isIP(a) === 6 && isIP(b) === 6 && spelling(a) === spelling(b));
}

function spelling(address: string): string {
  return new URL(`http://[${address}]/`).hostname;
}
