/** How many connections are open: in all, per client address and per network. */
import type { CountShare, ReceiverLimits } from './receiver.js';

/** Why a connection may not be opened. */
export type Overload = 'all' | 'address' | 'network';

/** Counts of one receiver. Unix sockets have no address and count in all only. */
export class ConnectionCounts {
  total = 0;
  readonly #addresses = new Map<string, number>();
  readonly #networks = new Map<string, number>();
  readonly #share: CountShare | undefined;

  /** With `share` what others count has its part in the limits. */
  constructor(share?: CountShare) {
    this.#share = share;
  }

  /** Counts the connection unless a limit is reached. */
  enter(address: string, limits: ReceiverLimits): Overload | undefined {
    const others = this.#share?.others;
    if (this.total + (others?.total ?? 0) >= limits.connectionsMax) return 'all';
    if (address !== '') {
      const network = networkOf(address);
      const ofAddress = this.of(address) + (others?.of(address) ?? 0);
      if (ofAddress >= limits.connectionsPerAddressMax) return 'address';
      const inNetwork = this.inNetwork(network) + (others?.inNetwork(network) ?? 0);
      if (inNetwork >= limits.connectionsPerNetworkMax) return 'network';
    }
    this.add(address);
    this.#share?.tell(address, 1);
    return undefined;
  }

  /** Takes back what `enter` counted; give it the same address. */
  leave(address: string): void {
    this.remove(address);
    this.#share?.tell(address, -1);
  }

  /** Counts without looking at limits and without telling anybody. */
  add(address: string): void {
    this.total++;
    if (address === '') return;
    const network = networkOf(address);
    this.#addresses.set(address, this.of(address) + 1);
    this.#networks.set(network, this.inNetwork(network) + 1);
  }

  /** The other way round. */
  remove(address: string): void {
    this.total--;
    if (address === '') return;
    decrease(this.#addresses, address);
    decrease(this.#networks, networkOf(address));
  }

  of(address: string): number {
    return this.#addresses.get(address) ?? 0;
  }

  inNetwork(network: string): number {
    return this.#networks.get(network) ?? 0;
  }
}

/** The /24 of an IPv4 address, the /64 of an IPv6 one: what one customer usually has. */
export function networkOf(address: string): string {
  const plain = address.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '');
  if (!plain.includes(':')) return plain.slice(0, plain.lastIndexOf('.'));
  const [head = '', tail] = plain.replace(/%.*$/, '').split('::');
  const groups = head === '' ? [] : head.split(':');
  const tailGroups = tail === undefined || tail === '' ? [] : tail.split(':');
  while (groups.length + tailGroups.length < 8) groups.push('0');
  return [...groups, ...tailGroups]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}

function decrease(counts: Map<string, number>, key: string): void {
  const count = (counts.get(key) ?? 0) - 1;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}
