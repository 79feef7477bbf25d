/** Replacing a file so that whoever reads it, at any moment and after any crash, sees the old one or the new one. */
import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Writes beside the file, syncs, and renames over it; mode 0600. The owner of the file it replaces stays the owner, so
 * that the server can still read what root has changed; a new file gets the folder's owner. `beforeRename` may still
 * throw: then nothing has happened.
 */
export async function writeAtomically(
  file: string,
  text: string,
  beforeRename: () => Promise<void>,
): Promise<void> {
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  const handle = await open(temporary, 'wx', 0o600);
  try {
    try {
      await giveToOwner(handle, file);
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await beforeRename();
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(file));
}

async function giveToOwner(handle: FileHandle, file: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const like = await stat(file).catch(() => stat(dirname(file)));
  await handle.chown(like.uid, like.gid);
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
