/** Comparing what should be in DNS with what is there. */
import { isMailError, type Resolver } from '@postroad/core';
import type { WantedRecord } from './dns-records.js';

/** What was found. `different` has what is there instead; `unknown` is DNS that does not answer. */
export interface CheckedRecord extends WantedRecord {
  readonly state: 'ok' | 'missing' | 'different' | 'unknown';
  readonly found?: string;
}

/** Looks all of them up. */
export async function checkRecords(
  wanted: readonly WantedRecord[],
  resolver: Resolver,
  signal?: AbortSignal,
): Promise<readonly CheckedRecord[]> {
  // A signal for each: there are many, and every look-up listens to its own.
  const own = () => (signal === undefined ? undefined : AbortSignal.any([signal]));
  return await Promise.all(wanted.map((record) => checkRecord(record, resolver, own())));
}

async function checkRecord(
  record: WantedRecord,
  resolver: Resolver,
  signal?: AbortSignal,
): Promise<CheckedRecord> {
  try {
    const found = await lookUp(record, resolver, signal);
    if (found === undefined)
      return { ...record, state: 'unknown', found: 'this resolver can not look it up' };
    if (found.length === 0) return { ...record, state: record.value.endsWith(' .') ? 'ok' : 'missing' };
    // RFC 7208 section 3.2, RFC 7489 section 6.6.3, RFC 8461 section 3.1: of two such records none counts.
    const isOne = record.type !== 'TXT' || found.length === 1;
    const isThere = isOne && found.some((one) => isSame(one, record));
    return isThere ? { ...record, state: 'ok' } : { ...record, state: 'different', found: found.join(' | ') };
  } catch (error) {
    if (isMailError(error, 'E_DNS')) return { ...record, state: 'unknown', found: 'DNS does not answer' };
    throw error;
  }
}

/** The records of that kind; of TXT only those that begin as ours does. */
async function lookUp(
  { type, name, value, marker = '' }: WantedRecord,
  resolver: Resolver,
  signal?: AbortSignal,
): Promise<readonly string[] | undefined> {
  switch (type) {
    case 'MX':
      return (await resolver.mx(name, signal)).map(({ preference, exchange }) => `${preference} ${exchange}`);
    case 'TXT':
      return (await resolver.txt(name, signal)).filter((text) => normal(text).startsWith(normal(marker)));
    case 'SRV':
      return (await resolver.srv?.(name, signal))?.map(
        ({ priority, weight, port, target }) =>
          `${priority} ${weight} ${port} ${target === '' ? '.' : target}`,
      );
    case 'CNAME': {
      // Whether by alias or by an address of its own: it has to lead to the same place.
      const [here, there] = await Promise.all([
        resolver.addresses(name, signal),
        resolver.addresses(value, signal),
      ]);
      if (here.length === 0) return [];
      return here.every((address) => there.includes(address)) ? [value] : here;
    }
  }
}

/** Case matters in what is base64, such as a key that somebody's form has put into lower case. */
function isSame(found: string, { value, marker }: WantedRecord): boolean {
  return marker === 'v=DKIM1' ? tight(found) === tight(value) : normal(found) === normal(value);
}

/** Case does not matter. */
function normal(text: string): string {
  return tight(text).toLowerCase();
}

/** Blanks do not matter, nor does the final semicolon. */
function tight(text: string): string {
  return text.replace(/\s+/g, '').replace(/;$/, '');
}
