/** Changes of messages: flags, copies, moves, removals. Files first, then memory. */

import { join } from 'node:path';
import {
  type Copied,
  changedFlags,
  type FlagChange,
  type FlagsChanged,
  type MailboxEntry,
  MailError,
  normaliseFlags,
  sortedUids,
} from '@postroad/core';
import type { Account, OpenFolder } from './account.js';
import { removeFile, syncPath } from './disk.js';
import { baseOf, sizesIn } from './file-name.js';
import type { MessageFile, NewFile } from './folder.js';
import { dropFile, fileFor, putFile, renameToFlags, withFile } from './message-files.js';
import type { Batch } from './work-queue.js';

/** Changes flags; see `MailboxStore.changeFlags`. */
export async function changeFlags(
  account: Account,
  mailboxId: string,
  uids: readonly number[],
  change: FlagChange,
  batch: Batch,
): Promise<FlagsChanged> {
  const open = await account.folder(mailboxId);
  const { folder } = open;
  const flags = normaliseFlags(change.flags, account.spelling);
  if (change.mode !== 'remove') await open.keywords.learn(flags);
  const limit = change.unchangedSince ?? Number.POSITIVE_INFINITY;
  const refused: number[] = [];
  const changed: number[] = [];
  const after = new Map<number, readonly string[]>();
  for (const { uid } of folder.index.pick(sortedUids(uids))) {
    await withFile(account, open, uid, async (path, file, entry) => {
      // Another program may have changed the message since we picked it.
      if (entry.modSeq > limit) {
        refused.push(uid);
        return;
      }
      const wanted = changedFlags(entry.flags, { mode: change.mode, flags });
      if (wanted === undefined) return;
      folder.moveFile(uid, await renameToFlags(open, path, file, wanted, batch));
      changed.push(uid);
      after.set(uid, wanted);
    });
  }
  const entries = folder.reflag(
    folder.index.pick(changed).map((entry) => [entry, after.get(entry.uid) ?? entry.flags] as const),
  );
  return { entries, refused, highestModSeq: folder.modSeq };
}

/** Copies; see `MailboxStore.copy`. */
export async function copyMessages(
  account: Account,
  mailboxId: string,
  uids: readonly number[],
  targetId: string,
  batch: Batch,
): Promise<Copied> {
  const [source, target] = [await account.folder(mailboxId), await account.folder(targetId)];
  const found = source.folder.index.pick(sortedUids(uids));
  const { limitBytes } = account.state;
  const sizeBytes = found.reduce((sum, entry) => sum + entry.sizeBytes, 0);
  if (limitBytes !== null && (await account.usedBytes()) + sizeBytes > limitBytes) {
    throw new MailError('E_QUOTA', 'the account has no room for the copies');
  }
  const { copied } = await copyFiles(account, source, found, target, batch);
  return copied;
}

/** Moves; see `MailboxStore.move`. After a crash in the middle a message may be in both mailboxes, never in none. */
export async function moveMessages(
  account: Account,
  mailboxId: string,
  uids: readonly number[],
  target: OpenFolder,
  batch: Batch,
): Promise<Copied> {
  const source = await account.folder(mailboxId);
  await account.look(target);
  const found = source.folder.index.pick(sortedUids(uids));
  const { copied, there } = await copyFiles(account, source, found, target, batch, true);
  for (const { uid } of there) await dropFile(account, source, uid, batch);
  source.folder.remove(source.folder.index.pick(there.map(({ uid }) => uid)));
  return copied;
}

/** Removes messages; see `MailboxStore.expunge`. */
export async function expungeMessages(
  account: Account,
  mailboxId: string,
  uids: readonly number[],
  batch: Batch,
): Promise<{ readonly uids: readonly number[]; readonly highestModSeq: number }> {
  const open = await account.folder(mailboxId);
  const { folder } = open;
  const found = folder.index.pick(sortedUids(uids));
  for (const { uid } of found) await dropFile(account, open, uid, batch);
  const gone = folder.index.pick(found.map(({ uid }) => uid));
  folder.remove(gone);
  return { uids: gone.map(({ uid }) => uid), highestModSeq: folder.modSeq };
}

async function copyFiles(
  account: Account,
  source: OpenFolder,
  found: readonly MailboxEntry[],
  target: OpenFolder,
  batch: Batch,
  isMove = false,
): Promise<{ readonly copied: Copied; readonly there: readonly MailboxEntry[] }> {
  await target.keywords.learn([...new Set(found.flatMap(({ flags }) => flags))]);
  const savedAtMs = account.environment.clock.now();
  const added: NewFile[] = [];
  const there: MailboxEntry[] = [];
  const made: MessageFile[] = [];
  try {
    for (const { uid } of found) {
      await withFile(account, source, uid, async (path, file, entry) => {
        const to = fileFor(target, account.newBase(sizesOf(baseOf(file.name))), entry.flags);
        await putFile(target, path, to, account, batch);
        made.push(to);
        const { uid: _, modSeq: __, ...same } = entry;
        added.push({ entry: { ...same, savedAtMs }, ownId: source.folder.ownId(uid), file: to });
        there.push(entry);
      });
    }
    // The old names go only when the new ones last: not every file system keeps the order of names over a power cut.
    const places = isMove ? new Set(made.map(({ place }) => join(target.folder.path, place))) : [];
    for (const place of places) await syncPath(place);
  } catch (error) {
    for (const file of made) await removeFile(join(target.folder.path, file.place, file.name));
    throw error;
  }
  const targetUids = target.folder.append(added);
  const { uidValidity } = target.folder.header;
  const pairs = there.map(({ uid }, at) => [uid, targetUids[at] as number] as const);
  return { copied: { uidValidity, pairs }, there };
}

function sizesOf(base: string): string {
  const { fileOctets, messageOctets } = sizesIn(base);
  return [
    fileOctets === undefined ? '' : `,S=${fileOctets}`,
    messageOctets === undefined ? '' : `,W=${messageOctets}`,
  ].join('');
}
