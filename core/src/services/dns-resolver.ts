/**
 * The resolver: a stub that asks recursive servers over UDP and TCP and remembers what they said. Our own rather than
 * node:dns, because that one hides the AD bit and has no TLSA on Node 20 (DANE needs both), and does not tell how long
 * an answer holds; see docs/decisions.
 */

import { getServers } from 'node:dns';
import { hostsFile } from '../dns/hosts-file.js';
import { createLookUp, type DnsAnswers, type LookUpOptions } from '../dns/look-up.js';
import { addressOfLiteral, isHostName, queryName, reverseName } from '../dns/names.js';
import type { DnsRecord, DnsType } from '../dns/wire.js';
import type { DnssecResolver, MxRecord, Resolver, TlsaRecord } from './resolver.js';

/** What a resolver is made of. */
export interface ResolverOptions extends LookUpOptions {
  /** The table of local names; default `/etc/hosts`, `false` for none. */
  readonly hostsFile?: string | false;
  /**
   * Whether the servers validate and nobody can come between (RFC 7672 section 2.1.1), so that DANE may rely on them;
   * by default when all of them are on this machine.
   */
  readonly trustsServers?: boolean;
}

/** A resolver over these servers. Nothing of it keeps the process alive, so it needs no closing. */
export function createResolver(options: ResolverOptions): Resolver {
  const lookUp = createLookUp(options);
  const hosts =
    options.hostsFile === false ? undefined : hostsFile(options.hostsFile ?? '/etc/hosts', options.clock);
  const ask: Ask = async (name, type, signal) => {
    signal?.throwIfAborted();
    const asked = queryName(name);
    return asked === undefined ? { records: [], isAuthentic: false } : await lookUp(asked, type, signal);
  };
  const servers = options.servers ?? getServers();
  const isTrusted =
    options.trustsServers ?? servers.every((server) => /^(?:127\.|\[?::1(?:\]|$))/.test(server));
  return {
    ...(isTrusted && { dnssec: dnssecResolver(ask) }),
    async mx(domain, signal) {
      if (localAddresses(domain) !== undefined) return [];
      return mxOf((await ask(domain, 'MX', signal)).records);
    },
    async addresses(name, signal, family) {
      const local = localAddresses(name) ?? (await hosts?.())?.addresses.get(name.toLowerCase());
      if (local !== undefined) return local;
      if (family === 4) return valuesOf((await ask(name, 'A', signal)).records, 'A');
      if (family === 6) return valuesOf((await ask(name, 'AAAA', signal)).records, 'AAAA');
      const [four, six] = await Promise.all([ask(name, 'A', signal), ask(name, 'AAAA', signal)]);
      return [...valuesOf(four.records, 'A'), ...valuesOf(six.records, 'AAAA')];
    },
    async txt(name, signal) {
      return valuesOf((await ask(name, 'TXT', signal)).records, 'TXT');
    },
    async srv(name, signal) {
      const { records } = await ask(name, 'SRV', signal);
      return records.filter((record): record is DnsRecord & { type: 'SRV' } => record.type === 'SRV');
    },
    async names(address, signal) {
      const local = (await hosts?.())?.names.get(address);
      const reverse = reverseName(address);
      if (local !== undefined || reverse === undefined) return local ?? [];
      return valuesOf((await ask(reverse, 'PTR', signal)).records, 'PTR').filter(isHostName);
    },
  };
}

type Ask = (name: string, type: DnsType, signal?: AbortSignal) => Promise<DnsAnswers>;

function dnssecResolver(ask: Ask): DnssecResolver {
  return {
    async mx(domain, signal) {
      const { records, isAuthentic } = await ask(domain, 'MX', signal);
      return { records: mxOf(records), isAuthentic };
    },
    async addresses(name, signal) {
      const [four, six] = await Promise.all([ask(name, 'A', signal), ask(name, 'AAAA', signal)]);
      const records = [...valuesOf(four.records, 'A'), ...valuesOf(six.records, 'AAAA')];
      return { records, isAuthentic: four.isAuthentic && six.isAuthentic };
    },
    async alias(name, signal) {
      const { records, isAuthentic } = await ask(name, 'CNAME', signal);
      return { records: valuesOf(records, 'CNAME'), isAuthentic };
    },
    async tlsa(name, signal) {
      const { records, isAuthentic } = await ask(name, 'TLSA', signal);
      return {
        records: records.filter(
          (record): record is DnsRecord & TlsaRecord => record.type === 'TLSA',
        ) as readonly TlsaRecord[],
        isAuthentic,
      };
    },
  };
}

/** RFC 6761 section 6.3: `localhost` and what is under it is never asked for. */
function localAddresses(name: string): readonly string[] | undefined {
  const literal = addressOfLiteral(name);
  if (literal !== undefined) return [literal];
  return /^(?:.+\.)?localhost\.?$/i.test(name) ? ['127.0.0.1', '::1'] : undefined;
}

function mxOf(records: readonly DnsRecord[]): readonly MxRecord[] {
  const found: MxRecord[] = [];
  for (const record of records) {
    if (record.type === 'MX') found.push({ preference: record.preference, exchange: record.exchange });
  }
  return found;
}

function valuesOf(
  records: readonly DnsRecord[],
  type: 'A' | 'AAAA' | 'CNAME' | 'TXT' | 'PTR',
): readonly string[] {
  const values: string[] = [];
  for (const record of records) if (record.type === type) values.push(record.value);
  return values;
}
