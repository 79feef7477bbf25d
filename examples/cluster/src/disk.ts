/** A small file system of its own, in memory, that can be filled up. Only root can make one. */
import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, open, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The file system. */
export interface SmallDisk {
  readonly path: string;
  /** Leaves no room on it. */
  fill(): Promise<void>;
  /** Makes room again. */
  free(): Promise<void>;
  close(): Promise<void>;
}

/** Why there can be none here; `undefined` when there can. */
export const smallDiskMissing =
  process.getuid?.() === 0 ? undefined : 'a file system of a small size needs root';

/** Makes one of so many octets. */
export async function openSmallDisk(megabytes: number): Promise<SmallDisk> {
  const path = await mkdtemp(join(tmpdir(), 'postroad-disk-'));
  const options = `size=${megabytes}m,mode=0755`;
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path], { timeout: 20_000 });
  await chmod(path, 0o755);
  const ballast = join(path, 'ballast');
  return {
    path,
    async fill() {
      const file = await open(ballast, 'a');
      try {
        for (const bytes of [1_048_576, 4_096]) await writeAll(file, Buffer.alloc(bytes));
      } finally {
        await file.close();
      }
    },
    free: () => rm(ballast, { force: true }),
    async close() {
      execFileSync('umount', ['--lazy', path], { timeout: 20_000 });
      await rmdir(path);
    },
  };
}

/** Writes the octets again and again until there is no room for them. */
async function writeAll(
  file: { write(octets: Buffer): Promise<{ readonly bytesWritten: number }> },
  octets: Buffer,
): Promise<void> {
  try {
    while ((await file.write(octets)).bytesWritten === octets.length);
  } catch (error) {
    if ((error as { code?: string }).code !== 'ENOSPC') throw error;
  }
}
