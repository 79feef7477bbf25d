/** Finds the mailboxes of a Maildir: what the account has in memory becomes what stands on disk. */
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultMailboxes, type SpecialUse } from '@postroad/core';
import type { Account, OpenFolder } from './account.js';
import { makeDirectory, makeMark, namesIn, syncPath, unlessMissing } from './disk.js';
import { Folder } from './folder.js';
import { type IndexHeader, type LoadedIndex, readIndex, writeIndex } from './folder-index.js';
import { directoryOf, mailboxOf } from './folder-name.js';
import { KeywordsFile } from './keywords-file.js';
import { Lookout } from './lookout.js';
import { readUidList } from './uid-list.js';
import type { Batch } from './work-queue.js';

const uidValidityMax = 2 ** 32 - 1;

/** Takes in which directories there are. On first use of the account the usual mailboxes are made. */
export async function openFolders(account: Account, batch: Batch): Promise<void> {
  await finishRenames(account);
  const isFirstUse = !account.state.hasDefaults;
  const directories = await mailboxDirectories(account);
  await forgetMissing(account, directories, batch);
  for (const directory of directories) {
    if (account.folders.has(directory)) continue;
    await openFolder(account, directory, batch);
    if (!isFirstUse) batch.isListChanged = true;
  }
  if (isFirstUse) await makeDefaults(account, batch);
}

async function mailboxDirectories(account: Account): Promise<readonly string[]> {
  const found: string[] = [''];
  for (const name of await namesIn(account.path)) {
    if (mailboxOf(name) === undefined) continue;
    // A file, or a directory that is no Maildir.
    const parts = await namesIn(join(account.path, name));
    if (parts.includes('cur') || parts.includes('maildirfolder')) found.push(name);
  }
  return found;
}

async function forgetMissing(account: Account, directories: readonly string[], batch: Batch): Promise<void> {
  const missing = [...account.folders].filter(([directory]) => !directories.includes(directory));
  if (missing.length === 0) return;
  const moved = new Map<number, string>();
  for (const directory of directories) {
    if (account.folders.has(directory)) continue;
    const index = await readIndex(join(account.path, directory));
    if (index !== undefined) moved.set(index.header.number, directory);
  }
  batch.isListChanged = true;
  for (const [directory, open] of missing) {
    account.folders.delete(directory);
    const target = moved.get(open.folder.header.number);
    if (target === undefined) {
      open.folder.clear();
      batch.removed.add(open.folder);
    } else placeFolder(account, open, target);
  }
}

/** The mailbox has another directory now, and with it another name. */
export function placeFolder(account: Account, open: OpenFolder, directory: string): void {
  const { folder } = open;
  folder.name = directory === '' ? 'INBOX' : (mailboxOf(directory) ?? folder.name);
  folder.path = join(account.path, directory);
  account.folders.set(directory, {
    ...open,
    keywords: new KeywordsFile(folder.path, account.environment.clock, account.owner),
    lookout: lookoutFor(account, folder),
  });
}

async function openFolder(account: Account, directory: string, batch: Batch): Promise<void> {
  const path = join(account.path, directory);
  for (const part of ['tmp', 'new', 'cur'])
    await makeDirectory(join(path, part), account.owner, batch.touched);
  const index = await readIndex(path);
  const isTaken = (header: IndexHeader) =>
    header.number > account.state.lastNumber ||
    [...account.folders.values()].some(({ folder }) => folder.header.number === header.number);
  // The index of a directory that was copied belongs to another mailbox.
  if (index === undefined || isTaken(index.header)) await adoptFolder(account, directory, batch);
  else await loadFolder(account, directory, index);
}

async function loadFolder(account: Account, directory: string, index: LoadedIndex): Promise<void> {
  const open = newFolder(account, directory, index.header);
  open.folder.load(index.rows);
  if (index.isTorn) await writeIndex(open.folder.path, index.header, open.folder.allRows(), account.owner);
}

async function adoptFolder(account: Account, directory: string, batch: Batch): Promise<OpenFolder> {
  const path = join(account.path, directory);
  const list = await readUidList(path);
  const given = [...account.folders.values()].map(({ folder }) => folder.header.uidValidity);
  const adopted = list === undefined || given.includes(list.uidValidity) ? undefined : list;
  const number = await nextNumber(account, adopted?.uidValidity ?? 0);
  const name = directory === '' ? 'INBOX' : mailboxOf(directory);
  const specialUse = defaultMailboxes.find((usual) => usual.name === name)?.specialUse ?? null;
  const header: IndexHeader = { version: 1, number, uidValidity: adopted?.uidValidity ?? number, specialUse };
  const open = newFolder(account, directory, header);
  open.wishedUids = adopted?.uidOf;
  await writeIndex(path, header, [], account.owner, batch.touched);
  await account.look(open);
  if (adopted !== undefined) open.folder.uidNext = Math.max(open.folder.uidNext, adopted.uidNext);
  batch.touched.add(path);
  return open;
}

function newFolder(account: Account, directory: string, header: IndexHeader): OpenFolder {
  const { clock, changeLogMax } = account.environment;
  const path = join(account.path, directory);
  const id = `F${account.number.toString(36)}-${header.number.toString(36)}`;
  const name = directory === '' ? 'INBOX' : (mailboxOf(directory) ?? directory);
  const folder = new Folder({ id, accountId: account.id, name, path, header }, changeLogMax, account.places);
  const keywords = new KeywordsFile(path, clock, account.owner);
  const open: OpenFolder = { folder, keywords, lookout: lookoutFor(account, folder) };
  account.folders.set(directory, open);
  return open;
}

function lookoutFor(account: Account, folder: Folder): Lookout {
  const paths = () => [join(folder.path, 'new'), join(folder.path, 'cur')];
  return new Lookout(paths, account.environment.clock);
}

/**
 * A number that no mailbox of the account ever had, which is its UIDVALIDITY too: above the time in seconds, so that it
 * is also above those of an earlier life of the account (RFC 9051 section 2.3.1.1).
 */
async function nextNumber(account: Account, atLeast: number): Promise<number> {
  const seconds = Math.floor(account.environment.clock.now() / 1000);
  const lastNumber = Math.max(account.state.lastNumber + 1, seconds, atLeast, 1);
  await account.changeState({ lastNumber: Math.min(lastNumber, uidValidityMax) });
  return account.state.lastNumber;
}

/** Makes a new mailbox on disk and in memory; its name is free. */
export async function makeFolder(
  account: Account,
  name: string,
  specialUse: SpecialUse | undefined,
  batch: Batch,
): Promise<OpenFolder> {
  const directory = directoryOf(name);
  const path = join(account.path, directory);
  for (const part of ['tmp', 'new', 'cur'])
    await makeDirectory(join(path, part), account.owner, batch.touched);
  // What Maildir++ wants in the directories of mailboxes below INBOX.
  if (directory !== '') await makeMark(join(path, 'maildirfolder'), account.owner);
  const number = await nextNumber(account, 0);
  const header: IndexHeader = { version: 1, number, uidValidity: number, specialUse: specialUse ?? null };
  await writeIndex(path, header, [], account.owner, batch.touched);
  batch.touched.add(account.path);
  const open = newFolder(account, directory, header);
  batch.isListChanged = true;
  return open;
}

async function makeDefaults(account: Account, batch: Batch): Promise<void> {
  const made: string[] = [];
  for (const { name, specialUse } of defaultMailboxes) {
    if (account.byName(name) === undefined) await makeFolder(account, name, specialUse, batch);
    made.push(name);
  }
  await account.subscriptions.change((names) => {
    for (const name of made) names.add(name);
  });
  await account.changeState({ hasDefaults: true });
}

/** Does what a crash left undone. */
async function finishRenames(account: Account): Promise<void> {
  if (account.state.renames.length === 0) return;
  for (const [from, to] of account.state.renames) {
    await unlessMissing(rename(join(account.path, from), join(account.path, to)), undefined);
  }
  await syncPath(account.path);
  await account.changeState({ renames: [] }, true);
}
