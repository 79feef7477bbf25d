/** The networks that addresses are counted by. */
import { isIP } from 'node:net';

/** An address with all but its first `bits` cut off, such as `2001:db8:0:1::/64`; `undefined` for what is none. */
export function networkOf(address: string, bits: number): string | undefined {
  const plain = address
    .toLowerCase()
    .replace(/^::ffff:(?=\d+\.)/, '')
    .replace(/%.*$/, '');
  const version = isIP(plain);
  if (version === 0) return undefined;
  const groups = version === 4 ? plain.split('.').map(Number) : groupsOf(plain);
  const size = version === 4 ? 8 : 16;
  if (bits >= groups.length * size) return version === 4 ? plain : write(groups);
  const cut = groups.map((group, at) => {
    const kept = Math.max(0, Math.min(size, bits - at * size));
    return group & (((1 << size) - 1) ^ ((1 << (size - kept)) - 1));
  });
  return `${version === 4 ? cut.join('.') : write(cut)}/${bits}`;
}

function groupsOf(address: string): number[] {
  // The last 32 bits may be written as IPv4 (as in RFC 5952 section 5).
  const hex = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_all, ...octets: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = octets.slice(0, 4).map(Number);
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
  const [head = '', tail] = hex.split('::');
  const read = (text: string) =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const [first, last] = [read(head), read(tail ?? '')];
  const zeros = tail === undefined ? 0 : 8 - first.length - last.length;
  return [...first, ...Array<number>(zeros).fill(0), ...last];
}

/** The shortest text (RFC 5952 section 4). */
function write(groups: readonly number[]): string {
  const text = groups.map((group) => group.toString(16)).join(':');
  const zeros = [...text.matchAll(/(?:^|:)0(?::0)+(?=:|$)/g)].sort((a, b) => b[0].length - a[0].length)[0];
  if (zeros === undefined) return text;
  return `${text.slice(0, zeros.index)}::${text.slice(zeros.index + zeros[0].length).replace(/^:/, '')}`;
}
