/**
 * The resolver: a stub that asks recursive servers over UDP and TCP and remembers what they said. Our own rather than
 * node:dns, because that one hides the AD bit and has no TLSA on Node 20 (DANE needs both), and does not tell how long
 * an answer holds; see docs/decisions.
 */

import { hostsFile } from '../dns/hosts-file.js';
import { createLookUp, type DnsAnswers, type LookUpOptions } from '../dns/look-up.js';
import { addressOfLiteral, isHostName, queryName, reverseName } from '../dns/names.js';
import type { DnsRecord, DnsType } from '../dns/wire.js';
import type { MxRecord, Resolver } from './resolver.js';

/** What a resolver is made of. */
export interface ResolverOptions extends LookUpOptions {
  /** The table of local names; default `/etc/hosts`, `false` for none. */
  readonly hostsFile?: string | false;
}

/** A resolver over these servers. Nothing of it keeps the process alive, so it needs no closing. */
export function createResolver(options: ResolverOptions): Resolver {
  const lookUp = createLookUp(options);
  const hosts =
    options.hostsFile === false ? undefined : hostsFile(options.hostsFile ?? '/etc/hosts', options.clock);
  const ask = async (name: string, type: DnsType, signal?: AbortSignal): Promise<DnsAnswers> => {
    signal?.throwIfAborted();
    const asked = queryName(name);
    return asked === undefined ? { records: [], isAuthentic: false } : await lookUp(asked, type, signal);
  };
  return {
    async mx(domain, signal) {
      if (localAddresses(domain) !== undefined) return [];
      return mxOf((await ask(domain, 'MX', signal)).records);
    },
    async addresses(name, signal) {
      const local = localAddresses(name) ?? (await hosts?.())?.addresses.get(name.toLowerCase());
      if (local !== undefined) return local;
      const [four, six] = await Promise.all([ask(name, 'A', signal), ask(name, 'AAAA', signal)]);
      return [...valuesOf(four.records, 'A'), ...valuesOf(six.records, 'AAAA')];
    },
    async txt(name, signal) {
      return valuesOf((await ask(name, 'TXT', signal)).records, 'TXT');
    },
    async names(address, signal) {
      const local = (await hosts?.())?.names.get(address);
      const reverse = reverseName(address);
      if (local !== undefined || reverse === undefined) return local ?? [];
      return valuesOf((await ask(reverse, 'PTR', signal)).records, 'PTR').filter(isHostName);
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

function valuesOf(records: readonly DnsRecord[], type: 'A' | 'AAAA' | 'TXT' | 'PTR'): readonly string[] {
  const values: string[] = [];
  for (const record of records) if (record.type === type) values.push(record.value);
  return values;
}
