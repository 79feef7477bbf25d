/** Which hosts to try, in order: the rules of RFC 5321 section 5. */
import {
  type HostRoute,
  isMailError,
  type MxRecord,
  type MxRoute,
  type Random,
  type Reply,
  type Resolver,
  reply,
} from '@postroad/core';
import { isPrivateAddress } from './addresses.js';

/** One host to try. */
export interface Target {
  readonly host: string;
  readonly port: number;
  /** The domain itself, for want of MX records. */
  readonly isImplicit?: boolean;
  /** Whether a stranger's DNS chose it, so that private addresses are suspicious. */
  readonly isForeign: boolean;
}

/** Hosts by preference, equals together in random order; or why there are none. */
export type Targets =
  | { readonly groups: readonly (readonly Target[])[] }
  | { readonly status: 'deferred' | 'failed'; readonly reply: Reply };

/** What finding them depends on. */
export interface TargetOptions {
  readonly resolver: Resolver;
  readonly random: Random;
  readonly port: number;
  /** Lower-case names under which MX records mean this server. */
  readonly ownNames: ReadonlySet<string>;
  readonly hostsMax: number;
  readonly signal: AbortSignal;
}

/** The hosts of a route. */
export async function findTargets(route: MxRoute | HostRoute, options: TargetOptions): Promise<Targets> {
  if (route.transport !== 'mx')
    return { groups: [[{ host: route.host, port: route.port, isForeign: false }]] };
  const target = (host: string): Target => ({ host, port: options.port, isForeign: true });
  // RFC 5321 section 4.1.3: an address literal has no MX.
  if (route.domain.startsWith('[')) return { groups: [[target(route.domain)]] };
  let records: readonly MxRecord[];
  try {
    records = await options.resolver.mx(route.domain, options.signal);
  } catch (error) {
    if (!isMailError(error, 'E_DNS')) throw error;
    return {
      status: 'deferred',
      reply: reply(451, '4.3', 'the mail exchangers can not be looked up for now'),
    };
  }
  // RFC 7505 section 3: the domain says that it takes no mail.
  if (records.length === 1 && isNullMx(records[0] as MxRecord))
    return { status: 'failed', reply: reply(556, '1.10', 'the domain takes no mail') };
  const named = records.filter((record) => !isNullMx(record));
  // RFC 5321 section 5.1: without MX records the domain is its own mail exchanger.
  const all =
    named.length === 0 && records.length === 0 ? [{ preference: 0, exchange: route.domain }] : named;
  const isImplicit = records.length === 0;
  const usable = withoutOurselves(all, options.ownNames);
  if (usable.length === 0)
    return { status: 'failed', reply: reply(554, '4.6', 'mail for the domain comes back here') };
  return {
    groups: inOrder(usable, options.random, options.hostsMax).map((hosts) =>
      hosts.map((host) => ({ ...target(host), isImplicit })),
    ),
  };
}

/** The addresses of a host that may be connected to, or why there are none. */
export async function findAddresses(
  target: Target,
  options: {
    readonly resolver: Resolver;
    readonly allowPrivate: boolean;
    readonly addressesMax: number;
    readonly signal: AbortSignal;
  },
): Promise<
  | { readonly addresses: readonly string[] }
  | { readonly status: 'deferred' | 'failed'; readonly reply: Reply }
> {
  // A socket in the file system, such as that of an LMTP server on this machine.
  if (!target.isForeign && target.host.startsWith('/')) return { addresses: [target.host] };
  let found: readonly string[];
  try {
    found = await options.resolver.addresses(target.host, options.signal);
  } catch (error) {
    if (!isMailError(error, 'E_DNS')) throw error;
    return {
      status: 'deferred',
      reply: reply(451, '4.3', 'the address of the server can not be looked up for now'),
    };
  }
  if (found.length === 0)
    return { status: 'failed', reply: target.isImplicit === true ? noDomain : noAddress };
  const allowed =
    target.isForeign && !options.allowPrivate ? found.filter((address) => !isPrivateAddress(address)) : found;
  if (allowed.length === 0)
    return { status: 'failed', reply: reply(550, '4.4', 'the server of the domain has no public address') };
  return { addresses: interleave(allowed).slice(0, options.addressesMax) };
}

// RFC 3463 section 3.2 and 3.5: nobody can be reached under the name, or the way there is set up wrongly.
const noDomain = reply(550, '1.2', 'the domain has no mail server');
const noAddress = reply(550, '4.4', 'the server of the domain has no address');

function isNullMx(record: MxRecord): boolean {
  return record.exchange === '' || record.exchange === '.';
}

/** RFC 5321 section 5.1: where we are one of the exchangers, only better ones than us may be asked. */
function withoutOurselves(records: readonly MxRecord[], ownNames: ReadonlySet<string>): readonly MxRecord[] {
  let best = Number.POSITIVE_INFINITY;
  for (const record of records)
    if (ownNames.has(record.exchange.toLowerCase())) best = Math.min(best, record.preference);
  return records.filter((record) => record.preference < best);
}

/** By preference, equals in random order (RFC 5321 section 5.1), each name once. */
function inOrder(
  records: readonly MxRecord[],
  random: Random,
  hostsMax: number,
): readonly (readonly string[])[] {
  const drawn = records.map((record) => ({ record, lot: random.number() }));
  drawn.sort((a, b) => a.record.preference - b.record.preference || a.lot - b.lot);
  const seen = new Set<string>();
  const groups = new Map<number, string[]>();
  for (const { record } of drawn) {
    const host = record.exchange.toLowerCase();
    if (seen.has(host) || seen.size >= hostsMax) continue;
    seen.add(host);
    const group = groups.get(record.preference) ?? [];
    groups.set(record.preference, group);
    group.push(host);
  }
  return [...groups.values()];
}

/** RFC 8305 section 4: the families take turns, IPv6 first. */
function interleave(addresses: readonly string[]): readonly string[] {
  const six = addresses.filter((address) => address.includes(':'));
  const four = addresses.filter((address) => !address.includes(':'));
  const ordered: string[] = [];
  for (let at = 0; at < Math.max(six.length, four.length); at++) {
    for (const address of [six[at], four[at]]) if (address !== undefined) ordered.push(address);
  }
  return ordered;
}
