/** Where a domain wants its reports, and whether who is named there wants them too (RFC 7489 sections 6.2 and 7.1). */
import { isMailError, parseAddress, type Resolver } from '@postroad/core';
import { getDomain } from 'tldts';

/** An address for reports. */
export interface Destination {
  readonly address: string;
  /** Larger reports are not sent there. */
  readonly octetsMax: number;
}

/** Addresses of one record that are taken. */
const destinationsMax = 5;
const units: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** The addresses of `rua=`. */
export function parseDestinations(rua: string | undefined): readonly Destination[] {
  const found: Destination[] = [];
  for (const uri of (rua ?? '').split(',').slice(0, 50)) {
    const [, path, size, unit = ''] = /^\s*mailto:([^?!]+)(?:!(\d{1,15})([kmgt]?))?\s*$/i.exec(uri) ?? [];
    const address = path === undefined ? undefined : parseAddress(decode(path));
    if (address === undefined) continue;
    const octetsMax =
      size === undefined ? Number.POSITIVE_INFINITY : Number(size) * (units[unit.toLowerCase()] ?? 1);
    found.push({ address: decode(path ?? ''), octetsMax });
  }
  return found.slice(0, destinationsMax);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return ''; // Not percent-encoded as it says: no address.
  }
}

/** Whether reports about the domain may go there; `undefined` when that can't be known for now. */
export async function isAuthorized(
  resolver: Pick<Resolver, 'txt'>,
  domain: string,
  destination: Destination,
  signal?: AbortSignal,
): Promise<boolean | undefined> {
  const host = destination.address.slice(destination.address.lastIndexOf('@') + 1).toLowerCase();
  if (organizationalDomain(host) === organizationalDomain(domain)) return true;
  try {
    const texts = await resolver.txt(`${domain}._report._dmarc.${host}`, signal);
    return texts.some((text) => /^v\s*=\s*DMARC1\s*(?:;|$)/.test(text));
  } catch (error) {
    if (isMailError(error, 'E_DNS')) return undefined;
    throw error;
  }
}

function organizationalDomain(domain: string): string {
  return getDomain(domain, { allowPrivateDomains: true, validateHostname: false }) ?? domain;
}
