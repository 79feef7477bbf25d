/** Who a message comes from, as far as it is proven: what is only claimed must not lose or lend a good name. */
import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import {
  type Connection,
  domainKey,
  formatAddress,
  type MessageAuthentication,
  networkOf,
  parseAddress,
  plainAddress,
  type ReversePath,
} from '@postroad/core';
import type { CheckReputationConfig } from './options.js';

/** What reputations are kept of. */
export type IdentityKind = 'address' | 'network' | 'domain' | 'sender';

/** One of them. */
export interface Identity {
  readonly kind: IdentityKind;
  readonly value: string;
}

type Bits = CheckReputationConfig['networkBits'];

/** Signing domains that are looked at: a message may carry many signatures. */
const domainsMax = 3;
const valueLengthMax = 200;

/** The client's address (of IPv6 what one customer has) and its network; none for what comes over no network. */
export function clientIdentities({ remoteAddress }: Connection, networkBits: Bits): readonly Identity[] {
  const plain = plainAddress(remoteAddress);
  const version = isIP(plain);
  if (version === 0) return [];
  const address = version === 4 ? plain : networkOf(plain, { six: 64 });
  return [identity('address', address), identity('network', networkOf(plain, networkBits))];
}

/** The domains whose signatures are right, and the sender where SPF or DMARC stands behind it. */
export function provenIdentities(
  { dkim, spf, dmarc }: MessageAuthentication,
  reversePath: ReversePath,
): readonly Identity[] {
  const signed = dkim.filter(({ result, isWhole }) => result === 'pass' && isWhole);
  const domains = new Set(signed.map(({ domain }) => domainKey(domain)));
  const isProven =
    reversePath !== null &&
    ((spf?.result === 'pass' && spf.scope === 'mailfrom') ||
      (dmarc?.result === 'pass' && domainKey(dmarc.domain) === domainKey(reversePath.domain)));
  return [
    ...[...domains].slice(0, domainsMax).map((domain) => identity('domain', domain)),
    ...(isProven ? [identity('sender', formatAddress(reversePath).toLowerCase())] : []),
  ];
}

/** What an operator means: an address, a network, a sender with an `@`, or a domain. */
export function readIdentity(text: string, networkBits: Bits): Identity {
  const plain = plainAddress(text.trim());
  const [address = '', bits] = plain.split('/');
  const version = isIP(address);
  if (version === 4) return bits === undefined ? identity('address', plain) : identity('network', plain);
  if (version === 6) {
    const isNetwork = bits === String(networkBits.six) && networkBits.six !== 64;
    return isNetwork
      ? identity('network', networkOf(address, networkBits))
      : identity('address', networkOf(address, { six: 64 }));
  }
  if (parseAddress(plain) !== undefined) return identity('sender', plain);
  return identity('domain', domainKey(plain));
}

function identity(kind: IdentityKind, value: string): Identity {
  // Strangers choose these, and keys have an end.
  if (Buffer.byteLength(value) <= valueLengthMax) return { kind, value };
  return { kind, value: `#${createHash('sha256').update(value).digest('hex').slice(0, 40)}` };
}
