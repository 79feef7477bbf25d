/** How many connections there are per account and per address. */

/** Counts of one server. */
export class ConnectionCounts {
  readonly #counts = new Map<string, number>();

  /** Counts one more, unless there are `max` already. */
  add(key: string, max: number): boolean {
    const count = this.#counts.get(key) ?? 0;
    if (count >= max) return false;
    this.#counts.set(key, count + 1);
    return true;
  }

  /** Counts one less. */
  remove(key: string): void {
    const count = this.#counts.get(key) ?? 0;
    if (count <= 1) this.#counts.delete(key);
    else this.#counts.set(key, count - 1);
  }
}
