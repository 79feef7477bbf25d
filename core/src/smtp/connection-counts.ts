/** How many connections are open: in all, per client address and per network. */
import { networkOf } from '../values/network.js';
import type { ReceiverLimits } from './receiver.js';

/** Why a connection may not be opened. */
export type Overload = 'all' | 'address' | 'network';

/** Counts of one receiver. Unix sockets have no address and count in all only. */
export class ConnectionCounts {
  total = 0;
  readonly #addresses = new Map<string, number>();
  readonly #networks = new Map<string, number>();

  /** Counts the connection unless a limit is reached. */
  enter(address: string, limits: ReceiverLimits): Overload | undefined {
    if (this.total >= limits.connectionsMax) return 'all';
    if (address !== '') {
      const network = networkOf(address);
      if ((this.#addresses.get(address) ?? 0) >= limits.connectionsPerAddressMax) return 'address';
      if ((this.#networks.get(network) ?? 0) >= limits.connectionsPerNetworkMax) return 'network';
      this.#addresses.set(address, (this.#addresses.get(address) ?? 0) + 1);
      this.#networks.set(network, (this.#networks.get(network) ?? 0) + 1);
    }
    this.total++;
    return undefined;
  }

  /** Takes back what `enter` counted; give it the same address. */
  leave(address: string): void {
    this.total--;
    if (address === '') return;
    decrease(this.#addresses, address);
    decrease(this.#networks, networkOf(address));
  }
}

function decrease(counts: Map<string, number>, key: string): void {
  const count = (counts.get(key) ?? 0) - 1;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}
