/**
 * MTA-STS policies over restarts: lines of JSON that are appended, and written anew without what is over at the start and
 * whenever there are too many.
 */
import { appendFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Logger } from '@postroad/core';
import type { MtaStsPolicy } from './mta-sts-policy.js';

/** A policy that was fetched. */
export interface KeptPolicy {
  readonly domain: string;
  readonly id: string;
  readonly policy: MtaStsPolicy;
  readonly untilMs: number;
}

/** Most policies read back. */
const entriesMax = 10_000;
/** Lines that are appended before the file is written anew. */
const appendedMax = 20_000;

/** The file. What can't be written is logged: the policy holds in memory all the same. */
export class StsPolicyFile {
  readonly #file: string;
  readonly #log: Logger;
  #appended = 0;
  /** One change after another. */
  #changing: Promise<unknown> = Promise.resolve();

  constructor(file: string, log: Logger) {
    this.#file = file;
    this.#log = log;
  }

  /** What still holds; a missing file is empty, lines that are torn are left out. */
  read(nowMs: number): Promise<readonly KeptPolicy[]> {
    return this.#next(() => this.#rewrite(nowMs));
  }

  async add(kept: KeptPolicy, nowMs: number): Promise<void> {
    try {
      await this.#next(async () => {
        await appendFile(this.#file, `${JSON.stringify(kept)}\n`, { mode: 0o600 });
        if (++this.#appended >= appendedMax) await this.#rewrite(nowMs);
      });
    } catch (error) {
      this.#log.warn('an MTA-STS policy could not be kept', { domain: kept.domain, error });
    }
  }

  #next<T>(change: () => Promise<T>): Promise<T> {
    const changed = this.#changing.then(change);
    this.#changing = changed.catch(() => undefined);
    return changed;
  }

  async #rewrite(nowMs: number): Promise<readonly KeptPolicy[]> {
    this.#appended = 0;
    await mkdir(dirname(this.#file), { recursive: true });
    const text = await readFile(this.#file, 'utf8').catch(() => '');
    const byDomain = new Map<string, KeptPolicy>();
    for (const line of text.split('\n')) {
      const kept = parse(line);
      if (kept === undefined) continue;
      byDomain.delete(kept.domain);
      if (kept.untilMs > nowMs) byDomain.set(kept.domain, kept);
    }
    const policies = [...byDomain.values()].slice(-entriesMax);
    const lines = policies.map((kept) => `${JSON.stringify(kept)}\n`).join('');
    await writeFile(`${this.#file}.new`, lines, { mode: 0o600, flush: true });
    await rename(`${this.#file}.new`, this.#file);
    return policies;
  }
}

function parse(line: string): KeptPolicy | undefined {
  try {
    const value = JSON.parse(line) as Partial<KeptPolicy>;
    const { domain, id, policy, untilMs } = value;
    const isWhole = typeof domain === 'string' && typeof id === 'string' && typeof untilMs === 'number';
    return isWhole && Array.isArray(policy?.mx) ? (value as KeptPolicy) : undefined;
  } catch {
    return undefined; // Empty, or torn by a crash.
  }
}
