/** Large bodies as files: `bodies/xx/<digest>.<maker>-<number>`. A name is used once, so that none is ever replaced. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, mkdir, open, readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type Body, MailError } from '@postroad/core';

/** What the files need from the process. */
export interface BodyFilesOptions {
  readonly directory: string;
  /** When this process started, in milliseconds since 1970. */
  readonly startedAtMs: number;
  /** Gets what could not be removed; the next start tries again. */
  readonly onError: (error: unknown) => void;
}

/** The directory of body files. */
export class BodyFiles {
  readonly #options: BodyFilesOptions;
  readonly #directory: string;
  readonly #made = new Set<string>();
  /** Files open to readers, and those of them to remove when the last reader is done. */
  readonly #held = new Map<string, number>();
  readonly #doomed = new Set<string>();
  readonly #removing = new Set<Promise<void>>();
  #last = 0;

  constructor(options: BodyFilesOptions) {
    this.#options = options;
    this.#directory = join(options.directory, 'bodies');
  }

  path(name: string): string {
    return join(this.#directory, name.slice(0, 2), name);
  }

  /**
   * Makes a durable file of a body and returns its name. The body's own file is linked where that is possible.
   * Nothing is left behind on failure, which is `E_MAILBOX_STORE`. `key` is the body's.
   */
  async place(body: Body, key: string): Promise<string> {
    const { startedAtMs } = this.#options;
    const maker = `${process.pid}-${Math.floor(startedAtMs / 1000).toString(36)}`;
    const name = `${key}.${maker}-${++this.#last}`;
    try {
      await this.#makeDirectory(name.slice(0, 2));
      if (!(await this.#linked(body, name))) await this.#copy(body, name);
      await syncPath(this.path(name));
      await syncPath(join(this.#directory, name.slice(0, 2)));
      return name;
    } catch (cause) {
      // An fsync that failed once may succeed falsely later: the file is given up.
      this.remove(name);
      throw new MailError('E_MAILBOX_STORE', 'a message body could not be stored', { cause });
    }
  }

  /** The SHA-256 of a file in hex; `undefined` when it can't be read. */
  async digest(name: string): Promise<string | undefined> {
    const hash = createHash('sha256');
    try {
      for await (const chunk of createReadStream(this.path(name))) hash.update(chunk as Uint8Array);
    } catch (error) {
      this.#options.onError(error);
      return undefined;
    }
    return hash.digest('hex');
  }

  /** Keeps a file for a reader even when it is removed meanwhile. */
  hold(name: string): void {
    this.#held.set(name, (this.#held.get(name) ?? 0) + 1);
  }

  release(name: string): void {
    const readers = (this.#held.get(name) ?? 1) - 1;
    if (readers > 0) {
      this.#held.set(name, readers);
      return;
    }
    this.#held.delete(name);
    if (this.#doomed.delete(name)) this.remove(name);
  }

  /** Removes a file that nothing refers to, at once or when its readers are done. Does not wait. */
  remove(name: string): void {
    if (this.#held.has(name)) {
      this.#doomed.add(name);
      return;
    }
    const removal = unlink(this.path(name))
      .catch((error: unknown) => {
        if (!hasCode(error, 'ENOENT')) this.#options.onError(error);
      })
      .finally(() => this.#removing.delete(removal));
    this.#removing.add(removal);
  }

  /** Resolves when all removals are done. */
  async settled(): Promise<void> {
    await Promise.all(this.#removing);
  }

  /** Removes what a crash left behind; returns how many. `isKnown` tells files that the store refers to. */
  async sweep(isKnown: (name: string) => boolean, signal: AbortSignal): Promise<number> {
    let removed = 0;
    for (const group of await list(this.#directory)) {
      for (const name of await list(join(this.#directory, group))) {
        if (signal.aborted) return removed;
        const path = join(this.#directory, group, name);
        if (isKnown(name) || !(await this.#isLeftover(name, path))) continue;
        await unlink(path).catch(this.#options.onError);
        removed++;
      }
    }
    return removed;
  }

  /** A file of a living process may be about to be committed; this process's own earlier lives had its number too. */
  async #isLeftover(name: string, path: string): Promise<boolean> {
    const maker = /\.(\d+)-[0-9a-z]+-\d+$/.exec(name)?.[1];
    if (maker === undefined) return false;
    if (Number(maker) !== process.pid) return !isAlive(Number(maker));
    const { ctimeMs } = await stat(path).catch(() => ({ ctimeMs: Number.POSITIVE_INFINITY }));
    return ctimeMs < this.#options.startedAtMs;
  }

  async #makeDirectory(group: string): Promise<void> {
    if (this.#made.has(group)) return;
    await mkdir(join(this.#directory, group), { recursive: true, mode: 0o700 });
    await syncPath(this.#directory);
    await syncPath(this.#options.directory);
    this.#made.add(group);
  }

  async #linked(body: Body, name: string): Promise<boolean> {
    if (body.file === undefined) return false;
    try {
      await link(body.file, this.path(name));
      return true;
    } catch (error) {
      // Another file system, or one without links: then the body is copied.
      const isImpossible = ['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].some((code) =>
        hasCode(error, code),
      );
      if (isImpossible) return false;
      throw error;
    }
  }

  async #copy(body: Body, name: string): Promise<void> {
    const file = await open(this.path(name), 'wx', 0o600);
    try {
      for await (const chunk of body.open()) await file.writeFile(chunk);
    } finally {
      await file.close();
    }
  }
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function list(directory: string): Promise<readonly string[]> {
  return readdir(directory).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR')) return [];
    throw error;
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It lives but belongs to somebody else.
    return hasCode(error, 'EPERM');
  }
}

function hasCode(error: unknown, code: string): boolean {
  return (error as { readonly code?: unknown }).code === code;
}
