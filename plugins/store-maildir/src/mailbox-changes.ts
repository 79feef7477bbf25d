/** Changes of mailboxes themselves: making, renaming, removing. */
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MailError, mailboxParents, requireMailboxName, type SpecialUse } from '@postroad/core';
import { type Account, type OpenFolder, removedPrefix } from './account.js';
import { syncPath } from './disk.js';
import { directoryOf } from './folder-name.js';
import { moveMessages } from './message-changes.js';
import { makeFolder, placeFolder } from './open-folders.js';
import type { Batch } from './work-queue.js';

/** Makes a mailbox and its missing parents. */
export async function createMailbox(
  account: Account,
  name: string,
  specialUse: SpecialUse | undefined,
  batch: Batch,
): Promise<OpenFolder> {
  const normal = requireMailboxName(name);
  directoryOf(normal);
  if (account.byName(normal) !== undefined) throw exists();
  await makeParents(account, normal, batch);
  return await makeFolder(account, normal, specialUse, batch);
}

/** Renames a mailbox and all below it; renaming INBOX moves its messages (RFC 9051 section 6.3.6). */
export async function renameMailbox(
  account: Account,
  mailboxId: string,
  name: string,
  batch: Batch,
): Promise<OpenFolder> {
  const open = await account.folder(mailboxId);
  const normal = requireMailboxName(name);
  if (open.folder.name === 'INBOX') {
    const target = await createMailbox(account, normal, undefined, batch);
    const uids = open.folder.index.all().map(({ uid }) => uid);
    await moveMessages(account, mailboxId, uids, target, batch);
    return target;
  }
  const moves = plannedMoves(account, open, normal);
  await makeParents(account, normal, batch);
  const renames = moves.map(([each, to]) => [directoryOf(each.folder.name), directoryOf(to)] as const);
  // Written down first: after a crash in the middle the rest is done at the next start.
  await account.changeState({ renames }, true);
  for (const [from, to] of renames) await rename(join(account.path, from), join(account.path, to));
  await syncPath(account.path);
  await account.changeState({ renames: [] }, true);
  await renameSubscriptions(account, moves);
  for (const [from] of renames) account.folders.delete(from);
  for (const [each, to] of moves) placeFolder(account, each, directoryOf(to));
  batch.isListChanged = true;
  return open;
}

/** Removes a mailbox and its messages; mailboxes below it stay. */
export async function deleteMailbox(account: Account, mailboxId: string, batch: Batch): Promise<void> {
  const { folder } = await account.folder(mailboxId);
  if (folder.name === 'INBOX') throw new MailError('E_MAILBOX_NAME', 'INBOX can not be deleted');
  const gone = join(account.path, `${removedPrefix}${folder.header.number}`);
  await rename(folder.path, gone);
  await syncPath(account.path);
  account.folders.delete(directoryOf(folder.name));
  folder.clear();
  batch.removed.add(folder);
  batch.isListChanged = true;
  // Its subscription stays (RFC 9051 section 6.3.7), as with Dovecot.
  await rm(gone, { recursive: true, force: true });
}

function plannedMoves(
  account: Account,
  open: OpenFolder,
  name: string,
): readonly (readonly [open: OpenFolder, name: string])[] {
  const below = `${open.folder.name}/`;
  if (name.startsWith(below)) throw new MailError('E_MAILBOX_NAME', 'a mailbox can not move below itself');
  const moves: (readonly [OpenFolder, string])[] = [[open, name]];
  for (const each of account.folders.values()) {
    if (!each.folder.name.startsWith(below)) continue;
    moves.push([each, requireMailboxName(`${name}/${each.folder.name.slice(below.length)}`)]);
  }
  for (const [, to] of moves) {
    directoryOf(to);
    if (account.byName(to) !== undefined) throw exists();
  }
  return moves;
}

async function makeParents(account: Account, name: string, batch: Batch): Promise<void> {
  for (const parent of mailboxParents(name)) {
    if (account.byName(parent) === undefined) await makeFolder(account, parent, undefined, batch);
  }
}

async function renameSubscriptions(
  account: Account,
  moves: readonly (readonly [open: OpenFolder, name: string])[],
): Promise<void> {
  if (!moves.some(([{ folder }]) => account.subscriptions.has(folder.name))) return;
  await account.subscriptions.change((names) => {
    const subscribed = moves.filter(([{ folder }]) => names.delete(folder.name));
    for (const [, to] of subscribed) names.add(to);
  });
}

function exists(): MailError {
  return new MailError('E_MAILBOX_EXISTS', 'a mailbox of that name exists already');
}
