/** Names as they are asked for, and addresses written as names. */
import { isIP, isIPv4, isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';

/** Most octets of a name and of a label (RFC 1035 section 2.3.4), in text. */
const nameOctetsMax = 253;
const labelOctetsMax = 63;

/** The name in the form DNS takes: lower case, A-labels, no final dot; `undefined` when it can not be one. */
export function queryName(name: string): string | undefined {
  const plain = name.endsWith('.') ? name.slice(0, -1) : name;
  const ascii = /^[\u0021-\u007e]*$/.test(plain) ? plain.toLowerCase() : domainToASCII(plain);
  if (ascii === '' || ascii.length > nameOctetsMax) return undefined;
  for (const label of ascii.split('.')) {
    if (label === '' || label.length > labelOctetsMax || !/^[!-~]+$/.test(label)) return undefined;
  }
  return ascii;
}

/** Whether it can be the name of a host: what else stands in DNS is not worth a connection or a log line. */
export function isHostName(name: string): boolean {
  return name.length <= nameOctetsMax && /^(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}$/.test(name);
}

/** The address of a literal, with or without the brackets of RFC 5321 section 4.1.3; `undefined` for a name. */
export function addressOfLiteral(name: string): string | undefined {
  if (isIP(name) !== 0) return name;
  const literal = /^\[(?:ipv6:)?([0-9a-f:.]+)\]$/i.exec(name)?.[1];
  return literal !== undefined && isIP(literal) !== 0 ? literal : undefined;
}

/** The name under which an address has its PTR records (RFC 1035 section 3.5, RFC 3596 section 2.5). */
export function reverseName(address: string): string | undefined {
  if (isIPv4(address)) return `${address.split('.').reverse().join('.')}.in-addr.arpa`;
  if (!isIPv6(address)) return undefined;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return reverseName(mapped);
  return `${expandIpv6(address).split('').reverse().join('.')}.ip6.arpa`;
}

/** The 32 hexadecimal digits of an IPv6 address. */
function expandIpv6(address: string): string {
  const plain = address.replace(/%.*$/, '').replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_all, a, b, c, d) => {
    const hex = (high: string, low: string) => ((Number(high) << 8) | Number(low)).toString(16);
    return `${hex(a, b)}:${hex(c, d)}`;
  });
  const [head = '', tail] = plain.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const missing = tail === undefined ? 0 : 8 - left.length - right.length;
  const groups = [...left, ...Array<string>(Math.max(0, missing)).fill('0'), ...right];
  return groups
    .map((group) => group.padStart(4, '0'))
    .join('')
    .toLowerCase();
}
