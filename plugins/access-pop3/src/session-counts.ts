/** How many sessions there are, per address and in all. */
import type { Gauge } from '@postroad/core';

/** Counts of one server. */
export interface SessionCounts {
  /** Counts one more, unless the address has as many as it may. */
  add(remoteAddress: string): boolean;
  remove(remoteAddress: string): void;
}

/** Counts that show in `gauge`. */
export function createSessionCounts(perAddressMax: number, gauge: Gauge): SessionCounts {
  const byAddress = new Map<string, number>();
  let open = 0;
  return {
    add(remoteAddress) {
      const count = byAddress.get(remoteAddress) ?? 0;
      if (count >= perAddressMax) return false;
      byAddress.set(remoteAddress, count + 1);
      gauge.set(++open);
      return true;
    },
    remove(remoteAddress) {
      const count = byAddress.get(remoteAddress) ?? 0;
      if (count <= 1) byAddress.delete(remoteAddress);
      else byAddress.set(remoteAddress, count - 1);
      gauge.set(--open);
    },
  };
}
