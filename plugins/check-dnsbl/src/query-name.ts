/** The names under which lists are asked (RFC 5782 sections 2.1, 2.4 and 3). */
import { isIP } from 'node:net';
import { domainKey } from '@postroad/core';

/** The name for an address; `undefined` when it is none. An IPv4 address that is written as IPv6 counts as IPv4. */
export function addressQuery(address: string, zone: string): string | undefined {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  const plain = mapped ?? address.replace(/%.*$/, '');
  switch (isIP(plain)) {
    case 4:
      return `${plain.split('.').reverse().join('.')}.${zone}`;
    case 6:
      return `${nibblesOf(plain).reverse().join('.')}.${zone}`;
    default:
      return undefined;
  }
}

/** The name for a domain; `undefined` for address literals, single labels, and what would be too long to ask for. */
export function domainQuery(domain: string, zone: string): string | undefined {
  const name = domainKey(domain).replace(/\.$/, '');
  if (!/^[a-z0-9_-]+(?:\.[a-z0-9_-]+)+$/.test(name) || isIP(name) !== 0) return undefined;
  const asked = `${name}.${zone}`;
  return asked.length > 253 ? undefined : asked;
}

/** The test entries (RFC 5782 section 5): one that stands on every list, and one that may stand on none. */
export function testQueries(
  of: 'address' | 'domain',
  zone: string,
): { readonly listed: string; readonly unlisted: string } {
  return of === 'address'
    ? { listed: `2.0.0.127.${zone}`, unlisted: `1.0.0.127.${zone}` }
    : { listed: `test.${zone}`, unlisted: `invalid.${zone}` };
}

/** The 32 hexadecimal digits of an IPv6 address. */
function nibblesOf(address: string): string[] {
  const four = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const text =
    four === null ? address : `${four[1]}${hexPair(four[2], four[3])}:${hexPair(four[4], four[5])}`;
  const [head = '', tail] = text.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  const groups = [...left, ...Array.from({ length: zeros }, () => '0'), ...right];
  return [
    ...groups
      .map((group) => group.padStart(4, '0'))
      .join('')
      .toLowerCase(),
  ];
}

function hexPair(high: string | undefined, low: string | undefined): string {
  return ((Number(high) << 8) | Number(low)).toString(16);
}
