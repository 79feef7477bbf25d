/** Tells whether directories may have changed since they were last looked at, by their times. */
import { stat } from 'node:fs/promises';
import type { Clock } from '@postroad/core';
import { unlessMissing } from './disk.js';

/** File systems may give two changes of one moment the same time: a second look this much later finds the other one. */
const secondLookMs = 1_000;

/** Watches the times of a few directories. */
export class Lookout {
  readonly #paths: () => readonly string[];
  readonly #clock: Clock;
  #seen = '';
  #secondLookAt: number | undefined;
  /** Set when something may have changed whatever the times say. */
  isDirty = true;

  constructor(paths: () => readonly string[], clock: Clock) {
    this.#paths = paths;
    this.#clock = clock;
  }

  /** Whether to look now. The caller looks after it returned true: what changes meanwhile is seen the next time. */
  async isDue(): Promise<boolean> {
    const now = this.#clock.monotonic();
    const times = await this.#times();
    const isLate = this.#secondLookAt !== undefined && now >= this.#secondLookAt;
    const isChanged = times !== this.#seen;
    if (!isChanged && !isLate && !this.isDirty) return false;
    this.#secondLookAt = isChanged ? now + secondLookMs : undefined;
    this.#seen = times;
    this.isDirty = false;
    return true;
  }

  /** What changed just now was our own doing, as far as we know: only the second look is due. */
  async noteOwnChange(): Promise<void> {
    const times = await this.#times();
    if (times === this.#seen) return;
    this.#seen = times;
    this.#secondLookAt ??= this.#clock.monotonic() + secondLookMs;
  }

  async #times(): Promise<string> {
    const found = await Promise.all(
      this.#paths().map((path) => unlessMissing(stat(path, { bigint: true }), undefined)),
    );
    return found.map((one) => `${one?.ino} ${one?.mtimeNs}`).join(' ');
  }
}
