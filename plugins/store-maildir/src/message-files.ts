/** Work on the files of messages, while other programs may rename and remove them. */
import { chown, copyFile, rename, stat, unlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { MailboxEntry } from '@postroad/core';
import type { Account, OpenFolder } from './account.js';
import { hasCode, linked, removeFile, syncPath } from './disk.js';
import { baseOf, lettersIn, lettersOf } from './file-name.js';
import type { MessageFile } from './folder.js';
import type { Batch } from './work-queue.js';

/** How often a file is looked for again when another program renamed it just then. */
const triesMax = 5;

/** Does something with the file of a message; `undefined` when another program removed the message. */
export async function withFile<T>(
  account: Account,
  open: OpenFolder,
  uid: number,
  use: (path: string, file: MessageFile, entry: MailboxEntry) => Promise<T>,
): Promise<T | undefined> {
  for (let tries = 0; ; tries++) {
    const entry = open.folder.index.get(uid);
    const file = open.folder.file(uid);
    if (entry === undefined) return undefined;
    try {
      if (file !== undefined) return await use(join(open.folder.path, file.place, file.name), file, entry);
    } catch (error) {
      if (!hasCode(error, 'ENOENT') || tries >= triesMax) throw error;
    }
    if (tries >= triesMax) return undefined;
    open.lookout.isDirty = true;
    await account.look(open);
  }
}

/** Gives a file the letters of flags. */
export async function renameToFlags(
  open: OpenFolder,
  path: string,
  file: MessageFile,
  flags: readonly string[],
  batch: Batch,
): Promise<MessageFile> {
  const letters = lettersOf(flags, open.keywords.keywords, lettersIn(file.name));
  const wanted: MessageFile = { place: 'cur', name: `${baseOf(file.name)}:2,${letters}` };
  if (file.place === wanted.place && file.name === wanted.name) return file;
  await rename(path, join(open.folder.path, wanted.place, wanted.name));
  batch.touched.add(join(open.folder.path, 'cur'));
  if (file.place === 'new') batch.touched.add(join(open.folder.path, 'new'));
  return wanted;
}

/** Where a message with these flags stands in a mailbox; the keywords have their letters already. */
export function fileFor(open: OpenFolder, base: string, flags: readonly string[]): MessageFile {
  if (flags.length === 0) return { place: 'new', name: base };
  return { place: 'cur', name: `${base}:2,${lettersOf(flags, open.keywords.keywords, '')}` };
}

/** Puts a file that is whole and synced into a mailbox, under another name beside the one it has. */
export async function putFile(
  open: OpenFolder,
  from: string,
  file: MessageFile,
  account: Account,
  batch: Batch,
): Promise<void> {
  const to = join(open.folder.path, file.place, file.name);
  if (!(await linked(from, to))) {
    const temporary = join(open.folder.path, 'tmp', baseOf(file.name));
    try {
      await copyDurably(from, temporary, account);
      await rename(temporary, to);
    } catch (error) {
      await removeFile(temporary);
      throw error;
    }
  }
  batch.touched.add(join(open.folder.path, file.place));
}

/** Removes the file of a message, whatever its name is by now. */
export async function dropFile(account: Account, open: OpenFolder, uid: number, batch: Batch): Promise<void> {
  await withFile(account, open, uid, async (path, file) => {
    await unlink(path);
    batch.touched.add(join(open.folder.path, file.place));
  });
}

async function copyDurably(from: string, to: string, account: Account): Promise<void> {
  const { atime, mtime } = await stat(from);
  await copyFile(from, to);
  await utimes(to, atime, mtime);
  if (account.owner !== undefined) await chown(to, account.owner.uid, account.owner.gid);
  await syncPath(to);
}
