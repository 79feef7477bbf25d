/**
 * Results by day in files that only grow: lines of JSON, each a count of sessions that went alike. They are written in
 * batches and synced, so that a crash loses some seconds at the most.
 */
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TlsSessionResult } from '@postroad/core';

/** Sessions that went alike. */
export interface CountedResult extends TlsSessionResult {
  readonly count: number;
}

const dayMs = 86_400_000;
const namePattern = /^(\d{4}-\d{2}-\d{2})\.jsonl$/;
/** How long reported days are kept. */
const keptDays = 7;

/** The UTC day of a moment, as `2026-11-28`. */
export function dayOf(nowMs: number): string {
  return new Date(nowMs).toISOString().slice(0, 10);
}

/** The files. */
export class DayLog {
  readonly #directory: string;
  readonly #resultsMax: number;
  /** What is to be written, by what it says. */
  readonly #waiting = new Map<string, { readonly day: string; result: CountedResult }>();
  #writing: Promise<void> = Promise.resolve();

  constructor(options: { readonly directory: string; readonly resultsMax: number }) {
    this.#directory = options.directory;
    this.#resultsMax = options.resultsMax;
  }

  /** Makes the directory. */
  async start(): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
  }

  /** Counts a session; kept in memory until `flush`. */
  add(result: TlsSessionResult, nowMs: number): void {
    const day = dayOf(nowMs);
    const key = `${day} ${JSON.stringify(result)}`;
    const known = this.#waiting.get(key);
    if (known !== undefined) known.result = { ...known.result, count: known.result.count + 1 };
    else if (this.#waiting.size < this.#resultsMax)
      this.#waiting.set(key, { day, result: { ...result, count: 1 } });
  }

  /** Writes what was counted; rejects when it can't be written, and keeps it then. */
  flush(): Promise<void> {
    const done = this.#writing.then(() => this.#write());
    this.#writing = done.catch(() => undefined);
    return done;
  }

  /** Days that are over and not reported, oldest first. */
  async due(nowMs: number): Promise<readonly string[]> {
    const today = dayOf(nowMs);
    const names = await readdir(this.#directory);
    const days = names.flatMap((name) => namePattern.exec(name)?.[1] ?? []);
    return days.filter((day) => day < today).sort();
  }

  /** What a day brought; lines that are torn are left out. */
  async read(day: string): Promise<readonly CountedResult[]> {
    const text = await readFile(this.#fileOf(day), 'utf8');
    const results: CountedResult[] = [];
    for (const line of text.split('\n')) {
      if (results.length >= this.#resultsMax) break;
      const result = parse(line);
      if (result !== undefined) results.push(result);
    }
    return results;
  }

  /** The day is reported: its file is kept for some days under another name. */
  async finish(day: string, nowMs: number): Promise<void> {
    await rename(this.#fileOf(day), `${this.#fileOf(day)}.sent`);
    const oldest = dayOf(nowMs - keptDays * dayMs);
    for (const name of await readdir(this.#directory)) {
      if (name.endsWith('.jsonl.sent') && name < oldest)
        await rm(join(this.#directory, name), { force: true });
    }
  }

  async #write(): Promise<void> {
    const taken = [...this.#waiting];
    if (taken.length === 0) return;
    const days = new Map<string, string>();
    for (const [, { day, result }] of taken) {
      days.set(day, `${days.get(day) ?? ''}${JSON.stringify(result)}\n`);
    }
    this.#waiting.clear();
    try {
      for (const [day, lines] of days) {
        const handle = await open(this.#fileOf(day), 'a', 0o600);
        try {
          await handle.write(lines);
          await handle.datasync();
        } finally {
          await handle.close();
        }
      }
    } catch (error) {
      for (const [key, value] of taken) if (!this.#waiting.has(key)) this.#waiting.set(key, value);
      throw error;
    }
  }

  #fileOf(day: string): string {
    return join(this.#directory, `${day}.jsonl`);
  }
}

function parse(line: string): CountedResult | undefined {
  if (line === '') return undefined;
  try {
    const value = JSON.parse(line) as CountedResult;
    return typeof value.domain === 'string' && typeof value.count === 'number' ? value : undefined;
  } catch {
    return undefined; // Torn by a crash.
  }
}
