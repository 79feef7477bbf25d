/** Addresses as SPF compares and writes them. */
import { isIPv4, isIPv6 } from 'node:net';

/** How many bits count of an address of each kind. */
export interface PrefixLengths {
  readonly prefix4: number;
  readonly prefix6: number;
}

/** Whether the client is in one of the networks that the addresses are of; those of the other kind are none. */
export function isWithin(
  client: string,
  addresses: readonly string[],
  { prefix4, prefix6 }: PrefixLengths,
): boolean {
  if (isIPv4(client)) {
    const own = numberOf(client);
    const unit = 2 ** (32 - prefix4);
    return addresses.some(
      (one) => isIPv4(one) && Math.floor(numberOf(one) / unit) === Math.floor(own / unit),
    );
  }
  const own = bitsOf(client, prefix6);
  return addresses.some((one) => isIPv6(one) && bitsOf(one, prefix6) === own);
}

function numberOf(address: string): number {
  let number = 0;
  for (const octet of address.split('.')) number = number * 256 + Number(octet);
  return number;
}

function bitsOf(address: string, count: number): string {
  const nibbles = nibblesOf(address);
  const whole = nibbles.slice(0, count >> 2).join('');
  const rest = count % 4;
  return rest === 0 ? whole : `${whole}.${Number.parseInt(nibbles[count >> 2] ?? '0', 16) >> (4 - rest)}`;
}

/** The 32 half octets of an IPv6 address. */
export function nibblesOf(address: string): readonly string[] {
  const [head = '', tail] = withoutDots(address).split('::');
  const groups = (text: string | undefined) => (text ?? '').split(':').filter((group) => group !== '');
  const [left, right] = [groups(head), groups(tail)];
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0');
  return [
    ...[...left, ...zeros, ...right]
      .map((group) => group.padStart(4, '0'))
      .join('')
      .toLowerCase(),
  ];
}

/** An IPv4 address at the end of one of IPv6, in groups as the rest. */
function withoutDots(address: string): string {
  return address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_all, ...octets) => {
    const [a = 0, b = 0, c = 0, d = 0] = octets.slice(0, 4).map(Number);
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
}
