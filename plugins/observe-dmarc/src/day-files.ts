/**
 * What was seen, in a file for each day (UTC) of lines of JSON that only grows. Rows are counted in memory for a moment
 * and then appended with their counts, so that a flood of one kind is one line; what was appended is on the disk.
 */
import { appendFile, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CountedRow, ReportRow } from './row.js';

const dayMs = 86_400_000;

/** A day as `2026-01-31`. */
export function dayOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10);
}

/** When it begins. */
export function dayBegin(day: string): number {
  return Date.parse(`${day}T00:00:00Z`);
}

/** When it has ended. */
export function dayEnd(day: string): number {
  return dayBegin(day) + dayMs;
}

/** The files of one directory. */
export class DayFiles {
  readonly #directory: string;
  readonly #rowsMax: number;
  readonly #pending = new Map<string, { row: ReportRow; count: number; day: string }>();
  #flushing: Promise<void> = Promise.resolve();
  readonly #known = new Map<string, Set<string>>();
  /** Files whose last line is whole as far as this process knows. */
  readonly #whole = new Set<string>();

  constructor(directory: string, rowsMax: number) {
    this.#directory = directory;
    this.#rowsMax = rowsMax;
  }

  /** Counts a row; false when the day has too many different ones. */
  add(row: ReportRow, atMs: number, count = 1): boolean {
    const day = dayOf(atMs);
    const key = JSON.stringify(row);
    const rows = this.#known.get(day) ?? new Set();
    if (!rows.has(key) && rows.size >= this.#rowsMax) return false;
    rows.add(key);
    this.#known.set(day, rows);
    for (const old of this.#known.keys()) if (old < day) this.#known.delete(old);
    const before = this.#pending.get(`${day} ${key}`);
    if (before === undefined) this.#pending.set(`${day} ${key}`, { row, count, day });
    else before.count += count;
    return true;
  }

  /** Appends what was counted since the last time, and waits for the disk. What can't be written is kept. */
  flush(): Promise<void> {
    // One after another, or two would write the same.
    const done = this.#flushing.then(() => this.#flush());
    this.#flushing = done.catch(() => undefined);
    return done;
  }

  async #flush(): Promise<void> {
    const taken = [...this.#pending].map(([key, one]) => [key, { ...one }] as const);
    const days = new Map<string, string>();
    for (const [, { row, count, day }] of taken) {
      days.set(day, `${days.get(day) ?? ''}${JSON.stringify({ row, count } satisfies CountedRow)}\n`);
    }
    if (days.size === 0) return;
    await mkdir(this.#directory, { recursive: true });
    for (const [day, lines] of days) {
      await this.#mend(day);
      await appendFile(this.#file(day), lines, { mode: 0o600, flush: true });
      for (const [key, one] of taken) if (one.day === day) this.#settle(key, one.count);
    }
  }

  /** What a process left that died while it wrote is made a line of its own, so that it spoils no other one. */
  async #mend(day: string): Promise<void> {
    if (this.#whole.has(day)) return;
    const isWhole = await endsWithLine(this.#file(day));
    if (!isWhole) await appendFile(this.#file(day), '\n', { mode: 0o600 });
    this.#whole.clear();
    this.#whole.add(day);
  }

  /** The written ones go; what came meanwhile stays. */
  #settle(key: string, count: number): void {
    const pending = this.#pending.get(key);
    if (pending === undefined) return;
    if (pending.count <= count) this.#pending.delete(key);
    else pending.count -= count;
  }

  /** Days with rows that are not done with, oldest first. */
  async days(): Promise<readonly string[]> {
    return (await this.#names()).flatMap((name) => /^(\d{4}-\d\d-\d\d)\.jsonl$/.exec(name)?.[1] ?? []).sort();
  }

  /** The rows of a day, the same ones added up. A line that was cut off by a crash is left out. */
  async read(day: string, isDone = false): Promise<readonly CountedRow[]> {
    const rows = new Map<string, { row: ReportRow; count: number }>();
    const file = isDone ? `${this.#file(day)}.done` : this.#file(day);
    const handle = await open(file);
    try {
      for await (const line of handle.readLines()) {
        const counted = parse(line);
        if (counted === undefined) continue;
        const key = JSON.stringify(counted.row);
        const before = rows.get(key);
        if (before === undefined) rows.set(key, { ...counted });
        else before.count += counted.count;
      }
    } finally {
      await handle.close();
    }
    return [...rows.values()];
  }

  /** What was noted about a day, such as reports that were sent. */
  async notes(day: string): Promise<ReadonlySet<string>> {
    try {
      return new Set(
        (await readFile(`${this.#file(day)}.sent`, 'utf8')).split('\n').filter((line) => line !== ''),
      );
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Set();
      throw error;
    }
  }

  /** Notes something about a day. */
  async note(day: string, text: string): Promise<void> {
    await appendFile(`${this.#file(day)}.sent`, `${text}\n`, { mode: 0o600, flush: true });
  }

  /** The day is done with. */
  async finish(day: string): Promise<void> {
    await rename(this.#file(day), `${this.#file(day)}.done`);
  }

  /** Deletes what is older, done with or not. */
  async forget(beforeMs: number): Promise<void> {
    const before = dayOf(beforeMs);
    for (const name of await this.#names()) {
      if (/^\d{4}-\d\d-\d\d\./.test(name) && name.slice(0, 10) < before)
        await rm(join(this.#directory, name));
    }
  }

  async #names(): Promise<readonly string[]> {
    try {
      return await readdir(this.#directory);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }

  #file(day: string): string {
    return join(this.#directory, `${day}.jsonl`);
  }
}

async function endsWithLine(file: string): Promise<boolean> {
  try {
    const handle = await open(file);
    try {
      const { size } = await handle.stat();
      const { buffer } = await handle.read({ buffer: Buffer.alloc(1), position: Math.max(size - 1, 0) });
      return size === 0 || buffer.toString('latin1') === '\n';
    } finally {
      await handle.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true;
    throw error;
  }
}

function parse(line: string): CountedRow | undefined {
  try {
    return JSON.parse(line) as CountedRow;
  } catch {
    return undefined; // The last line before a crash: its rows were told to nobody.
  }
}
