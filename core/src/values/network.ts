/** Addresses and the networks around them, as policy counts them. */
import { isIP } from 'node:net';

/** How much of an address names its network, in bits. */
export interface NetworkBits {
  /** Default 24. */
  readonly four?: number;
  /** Default 64: what one customer usually has. */
  readonly six?: number;
}

/** The address in its plain form: IPv4 that is written as IPv6 becomes IPv4, and a zone goes. */
export function plainAddress(address: string): string {
  return address
    .toLowerCase()
    .replace(/^::ffff:(?=\d+\.)/, '')
    .replace(/%.*$/, '');
}

/** The network of an address, such as `192.0.2.0/24` or `2001:db8:0:1::/64`; what is no address stays as it is. */
export function networkOf(address: string, bits: NetworkBits = {}): string {
  const plain = plainAddress(address);
  const version = isIP(plain);
  if (version === 0) return plain;
  const length = version === 4 ? (bits.four ?? 24) : (bits.six ?? 64);
  const unit = version === 4 ? 8 : 16;
  const parts = version === 4 ? plain.split('.').map(Number) : groupsOf(plain);
  const masked = parts.map((part, at) => part & maskOf(length - at * unit, unit));
  if (version === 4) return `${masked.join('.')}/${length}`;
  const kept = masked.slice(0, Math.ceil(length / 16)).map((group) => group.toString(16));
  return kept.length === 8 ? `${kept.join(':')}/${length}` : `${kept.join(':')}::/${length}`;
}

function maskOf(bits: number, unit: number): number {
  const kept = Math.min(Math.max(bits, 0), unit);
  return ((1 << unit) - 1) & ~((1 << (unit - kept)) - 1);
}

/** The eight groups of an IPv6 address. */
export function groupsOf(address: string): readonly number[] {
  const four = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const pair = (high: string | undefined, low: string | undefined) =>
    ((Number(high) << 8) | Number(low)).toString(16);
  const text = four === null ? address : `${four[1]}${pair(four[2], four[3])}:${pair(four[4], four[5])}`;
  const [head = '', tail] = text.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  const groups = [...left, ...Array.from({ length: zeros }, () => '0'), ...right];
  return groups.map((group) => Number.parseInt(group, 16));
}
