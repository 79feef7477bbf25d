/**
 * Files of lines that only grow, each with the moment of its first line in its name. The oldest go when there are too many
 * octets, or when they are too old. Each worker has files of its own.
 */
import { type FileHandle, mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** What bounds them. */
export interface SegmentOptions {
  readonly directory: string;
  readonly octetsMax: number;
  readonly keptMs: number;
  readonly worker: number;
  /** The last worker also looks after the files of those that are no more. */
  readonly workers: number;
}

/** One file. */
export interface Segment {
  readonly path: string;
  readonly startedAtMs: number;
}

const namePattern = /^w(\d{1,4})-(\d{1,15})(?:-\d+)?\.jsonl$/;

/** The files of one worker. Not to be used concurrently. */
export class Segments {
  readonly #options: SegmentOptions;
  #file: { readonly handle: FileHandle; readonly path: string; octets: number } | undefined;

  constructor(options: SegmentOptions) {
    this.#options = options;
  }

  /** Makes the directory. */
  async start(): Promise<void> {
    await mkdir(this.#options.directory, { recursive: true, mode: 0o700 });
  }

  /** Appends whole lines. What was written survives the end of the process, though not that of the machine. */
  async append(lines: Buffer, nowMs: number): Promise<void> {
    this.#file ??= await this.#open(nowMs);
    const file = this.#file;
    try {
      await file.handle.appendFile(lines);
    } catch (error) {
      // Half a line may stand there now: the next one begins in a file of its own.
      await this.close();
      throw error;
    }
    file.octets += lines.length;
    if (file.octets < this.#options.octetsMax / 8) return;
    await this.close();
    await this.sweep(nowMs);
  }

  /** All files, oldest first. */
  async all(): Promise<readonly Segment[]> {
    const { directory, worker, workers } = this.#options;
    const found: Segment[] = [];
    for (const name of await readdir(directory)) {
      const [, index, startedAtMs] = namePattern.exec(name) ?? [];
      if (index === undefined) continue;
      const owner = Math.min(Number(index), workers - 1);
      if (owner === worker) found.push({ path: join(directory, name), startedAtMs: Number(startedAtMs) });
    }
    return found.sort((a, b) => a.startedAtMs - b.startedAtMs || (a.path < b.path ? -1 : 1));
  }

  /** Removes what is too much or too old, but for the file that is written to. */
  async sweep(nowMs: number): Promise<void> {
    const { octetsMax, keptMs } = this.#options;
    const all = await this.all();
    let octets = 0;
    for (const [at, { path }] of [...all.entries()].reverse()) {
      const size = (await stat(path).catch(() => undefined))?.size ?? 0;
      octets += size;
      // A file is as old as what comes after it: until then something may have been written to it.
      const endedAtMs = all[at + 1]?.startedAtMs ?? nowMs;
      const isKept = path === this.#file?.path || (octets <= octetsMax && endedAtMs > nowMs - keptMs);
      if (!isKept) await rm(path, { force: true });
    }
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.handle.close();
  }

  async #open(nowMs: number): Promise<{ handle: FileHandle; path: string; octets: number }> {
    const { directory, worker } = this.#options;
    // Another generation, or a clock that was set back, may have taken the name.
    for (let take = 0; ; take++) {
      const path = join(directory, `w${worker}-${nowMs}${take === 0 ? '' : `-${take}`}.jsonl`);
      try {
        return { handle: await open(path, 'ax', 0o600), path, octets: 0 };
      } catch (error) {
        if ((error as { code?: unknown }).code !== 'EEXIST' || take > 1_000) throw error;
      }
    }
  }
}
