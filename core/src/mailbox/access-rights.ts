/** Rights to mailboxes of others, as letters (RFC 4314 section 2.1). */

/** All rights, in their usual order; an owner always has them. */
export const allRights = 'lrswipkxtea';

/** Whom rights can be given to beside accounts: everybody with an account. */
export const anyone = 'anyone';

/** Most accounts that one mailbox is shared with. */
export const sharesMax = 1_000;

/** The letters in their usual order, each once; `undefined` when there is one that means nothing. */
export function normaliseRights(letters: string): string | undefined {
  // RFC 4314 section 2.1.1: `c` and `d` are what older clients call several rights together.
  const spelt = letters.replaceAll('c', 'kx').replaceAll('d', 'te');
  for (const letter of spelt) if (!allRights.includes(letter)) return undefined;
  return [...allRights].filter((letter) => spelt.includes(letter)).join('');
}

/** What somebody has by several grants together. */
export function joinedRights(grants: Iterable<string>): string {
  return normaliseRights([...grants].join('')) ?? '';
}
