/** Which addresses did not answer lately: they are tried last, so that a broken IPv6 costs its delay once. */
import { type BoundedCache, boundedCache, type Clock } from '@postroad/core';

const rememberedMs = 600_000;
const slowMs = 60_000;
const entriesMax = 10_000;

/** The memory of one server. */
export class Reachability {
  readonly #failed: BoundedCache<string, true>;

  constructor(clock: Clock) {
    this.#failed = boundedCache({ entriesMax, clock });
  }

  failed(address: string): void {
    this.#failed.set(address, true, rememberedMs);
  }

  /** Another one answered sooner, although it was asked later. */
  slow(address: string): void {
    if (!this.isFailing(address)) this.#failed.set(address, true, slowMs);
  }

  reached(address: string): void {
    this.#failed.delete(address);
  }

  /** Whether it did not answer lately. */
  isFailing(address: string): boolean {
    return this.#failed.get(address) === true;
  }

  /** The addresses that are not known to be bad, then the others; otherwise in their order. */
  sort(addresses: readonly string[]): readonly string[] {
    const bad = addresses.filter((address) => this.#failed.get(address) === true);
    if (bad.length === 0) return addresses;
    return [...addresses.filter((address) => !bad.includes(address)), ...bad];
  }
}
