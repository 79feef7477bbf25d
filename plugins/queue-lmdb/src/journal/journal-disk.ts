/** The files of the journal: a small interface, so that a simulation can put a disk behind it that crashes and tears. */
import { constants } from 'node:fs';
import { copyFile, type FileHandle, mkdir, open, readdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';

/** A segment's file. */
export interface JournalFile {
  /** How large it was when it was opened. */
  readonly sizeBytes: number;
  /** Writes all octets or rejects; then any part of them may be there. */
  write(bytes: Buffer, position: number): Promise<void>;
  /** As `write`, and these octets are durable when it resolves: nothing is said of what was written before. */
  writeDurably(bytes: Buffer, position: number): Promise<void>;
  /** Everything that was written before is durable when it resolves. */
  sync(): Promise<void>;
  /** The whole file. */
  read(): Promise<Buffer>;
  close(): Promise<void>;
}

/** Where the segments are. */
export interface JournalDisk {
  list(): Promise<readonly string[]>;
  /** Opens a segment, making it when it is missing; then its name is durable too. */
  open(name: string): Promise<JournalFile>;
  /** Removes a segment that nobody has open. */
  remove(name: string): Promise<void>;
  /** Keeps a copy of a damaged segment for somebody to look at; returns where. */
  setAside(name: string): Promise<string>;
  /** How much room there is. */
  freeBytes(): Promise<number>;
}

const suffix = '.journal';
/** Each write is one call that returns when its octets are on the disk (POSIX, `open`): a write and a sync would be two. */
const durableFlags = constants.O_RDWR | constants.O_DSYNC;

/** The files of a directory, which is made when it is missing. */
export async function openJournalDisk(directory: string): Promise<JournalDisk> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  return {
    list: async () => (await readdir(directory)).filter((name) => name.endsWith(suffix)).sort(),
    async open(name) {
      const path = join(directory, name);
      const { handle, isMade } = await openOrMake(path);
      try {
        if (isMade) await syncDirectory(directory);
        const { size } = await handle.stat();
        return fileOf(handle, await open(path, durableFlags), size);
      } catch (error) {
        await handle.close();
        throw error;
      }
    },
    remove: (name) => rm(join(directory, name), { force: true }),
    async setAside(name) {
      const kept = join(directory, `${name.slice(0, -suffix.length)}.damaged`);
      await copyFile(join(directory, name), kept);
      return kept;
    },
    async freeBytes() {
      const { bavail, bsize } = await statfs(directory);
      return bavail * bsize;
    },
  };
}

/** The name of a segment. */
export function segmentName(number: number): string {
  return `${number.toString().padStart(8, '0')}${suffix}`;
}

/** The number of a segment's name; `undefined` when it is none. */
export function segmentNumber(name: string): number | undefined {
  const number = Number(name.slice(0, -suffix.length));
  return Number.isSafeInteger(number) && segmentName(number) === name ? number : undefined;
}

async function openOrMake(path: string): Promise<{ handle: FileHandle; isMade: boolean }> {
  try {
    return { handle: await open(path, 'r+'), isMade: false };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return { handle: await open(path, 'wx+', 0o600), isMade: true };
  }
}

function fileOf(handle: FileHandle, durable: FileHandle, sizeBytes: number): JournalFile {
  return {
    sizeBytes,
    write: (bytes, position) => writeAll(handle, bytes, position),
    writeDurably: (bytes, position) => writeAll(durable, bytes, position),
    sync: () => handle.datasync(),
    async read() {
      const { size } = await handle.stat();
      const bytes = Buffer.allocUnsafeSlow(size);
      let done = 0;
      while (done < size) {
        const { bytesRead } = await handle.read(bytes, done, size - done, done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return bytes.subarray(0, done);
    },
    async close() {
      try {
        await durable.close();
      } finally {
        await handle.close();
      }
    },
  };
}

async function writeAll(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
